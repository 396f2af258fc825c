"""What a shopper can pay with: `/paymentMethods`, by country, currency and the merchant's own wish.

Where a method is offered, and in which currency, is Adyen's documentation in short ("Payment methods").
"""

from dataclasses import dataclass, field

from sandbox.adyen import stored_method
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.money import checked
from sandbox.record import Json

SEPA = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"


@dataclass(frozen=True)
class Offer:
    """One method: `countries` and `currencies` it is bound to, empty for any."""

    type: str
    name: str
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    more: Json = field(default_factory=dict)

    def suits(self, country: str | None, currency: str | None) -> bool:
        """Return whether shoppers there can pay so in this currency; what is not told is no obstacle."""
        here = not self.countries or country is None or country in self.countries
        return here and (not self.currencies or currency is None or currency in self.currencies)

    @property
    def shown(self) -> Json:
        """Return the method as Adyen lists it."""
        return {"type": self.type, "name": self.name, **self.more}


def _only(type_: str, name: str, countries: str, currencies: str) -> Offer:
    return Offer(type_, name, frozenset(countries.split()), frozenset(currencies.split()))


OFFERS = (
    Offer("scheme", "Cards", more={"brands": ["visa", "mc", "amex"]}),
    _only("ideal", "iDEAL", "NL", "EUR"),
    _only("bcmc", "Bancontact card", "BE", "EUR"),
    _only("bizum", "Bizum", "ES", "EUR"),
    _only("eps", "EPS", "AT", "EUR"),
    _only("blik", "BLIK", "PL", "PLN"),
    _only("swish", "Swish", "SE", "SEK"),
    _only("twint", "TWINT", "CH", "CHF"),
    _only("sepadirectdebit", "SEPA Direct Debit", SEPA, "EUR"),
    _only(
        "klarna", "Pay later with Klarna.", "AT BE DE ES FI FR GB IE IT NL NO SE US", "EUR GBP NOK SEK USD"
    ),
    Offer("paypal", "PayPal"),
    Offer("applepay", "Apple Pay", more={"brands": ["visa", "mc", "amex"]}),
    Offer("googlepay", "Google Pay", more={"brands": ["visa", "mc", "amex"]}),
)


def list_all(call: Call) -> Reply:
    """List what a shopper can pay with, and what is kept of theirs."""
    params = call.params
    currency = checked(params["amount"])[1] if "amount" in params else None
    allowed, blocked = params.get("allowedPaymentMethods"), params.get("blockedPaymentMethods", ())
    found = [
        each.shown
        for each in OFFERS
        if each.suits(params.get("countryCode"), currency)
        and (allowed is None or each.type in allowed)
        and each.type not in blocked
    ]
    answer: Json = {"paymentMethods": found}
    if "shopperReference" in params:
        kept = stored_method.of_shopper(call.work, params["merchantAccount"], params["shopperReference"])
        answer["storedPaymentMethods"] = [stored_method.shown(each) for each in kept]
    return Reply(answer)
