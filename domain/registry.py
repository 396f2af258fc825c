"""The methods of payment there are: who offers them, where, in which currencies, and what they can do.

A table of facts, the same for everybody; which of them an organizer's buyers see is found in `domain.route`.
The names are ours: what a provider calls a method is known to its adapter alone.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from domain.bank import BANK, TRANSFER
from domain.value import Value


class MethodKind(StrEnum):
    """With what a buyer pays."""

    CARD = "card"
    WALLET = "wallet"
    BANK = "bank"
    DEBIT = "debit"
    LATER = "later"
    CASH = "cash"


class Availability(StrEnum):
    """Whether a method is offered now, not yet, or no more."""

    OFFERED = "offered"
    PLANNED = "planned"
    ENDED = "ended"


class PaymentMethod(Value):
    """One method; `providers`, where it is offered now, are those whose adapters know it.

    `countries` (ISO 3166-1) are the buyer's and `currencies` ISO 4217; none named is any. From a country that
    is in `local` only that currency of it is taken. `limits` are the least and the most that may be paid, in
    minor units by currency. Money that a method
    `holds` may be authorised first and taken later, else it is taken at once. One that is `recurring` may be
    stored. One that settles late does so `settles_within` so long.
    """

    id: str
    name: str
    kind: MethodKind
    providers: tuple[str, ...] = ()
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    local: Mapping[str, str] = Field(default_factory=dict)
    limits: Mapping[str, tuple[int, int]] = Field(default_factory=dict)
    brands: tuple[str, ...] = ()
    holds: bool = False
    refunds: bool = True
    partial_refunds: bool = True
    recurring: bool = False
    settles_within: timedelta | None = None
    availability: Availability = Availability.OFFERED

    def serves(self, country: str | None, currency: str, minor: int | None = None) -> bool:
        """Say whether a buyer from this country (not known: from anywhere) may pay so in this currency, so
        much of it, in minor units (not known: any).
        """
        return (
            self.availability is Availability.OFFERED
            and (country is None or not self.countries or country in self.countries)
            and (not self.currencies or currency in self.currencies)
            and self.local.get(country or "", currency) == currency
            and (minor is None or self._is_within(currency, minor))
        )

    def _is_within(self, currency: str, minor: int) -> bool:
        least, most = self.limits.get(currency, (minor, minor))
        return least <= minor <= most


def _codes(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


_K = MethodKind
_EUR = frozenset({"EUR"})
# Members of the Single Euro Payments Area whose accounts are debited in euros (European Payments Council).
_SEPA = _codes(
    "AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK SM"
)
# https://developer.paypal.com/reference/currency-codes/, but for those used within one country only.
_PAYPAL = _codes("AUD CAD CHF CZK DKK EUR GBP HKD HUF ILS JPY MXN NOK NZD PHP PLN SEK SGD THB TWD USD")

# Whose buyers may pay later, and in which currency (https://docs.stripe.com/payments/klarna and
# https://docs.stripe.com/payments/afterpay-clearpay).
_KLARNA = {
    **dict.fromkeys(_codes("AT BE DE ES FI FR GR IE IT NL PT"), "EUR"),
    "AU": "AUD",
    "CA": "CAD",
    "CH": "CHF",
    "CZ": "CZK",
    "DK": "DKK",
    "GB": "GBP",
    "NO": "NOK",
    "NZ": "NZD",
    "PL": "PLN",
    "RO": "RON",
    "SE": "SEK",
    "US": "USD",
}
_AFTERPAY = {"AU": "AUD", "CA": "CAD", "GB": "GBP", "NZ": "NZD", "US": "USD"}

METHODS: tuple[PaymentMethod, ...] = (
    PaymentMethod(
        id="card",
        name="Card",
        kind=_K.CARD,
        providers=("stripe", "adyen"),
        brands=("visa", "mastercard", "amex", "maestro"),
        holds=True,
        recurring=True,
    ),
    PaymentMethod(
        id="apple_pay", name="Apple Pay", kind=_K.WALLET, providers=("stripe", "adyen"), holds=True
    ),
    PaymentMethod(
        id="google_pay", name="Google Pay", kind=_K.WALLET, providers=("stripe", "adyen"), holds=True
    ),
    PaymentMethod(
        id="paypal",
        name="PayPal",
        kind=_K.WALLET,
        providers=("paypal", "adyen"),
        currencies=_PAYPAL,
        holds=True,
    ),
    PaymentMethod(
        id="ideal",
        name="iDEAL",
        kind=_K.BANK,
        providers=("stripe", "adyen"),
        countries=frozenset({"NL"}),
        currencies=_EUR,
    ),
    PaymentMethod(
        id="bizum",
        name="Bizum",
        kind=_K.BANK,
        providers=("stripe", "adyen"),
        countries=frozenset({"ES"}),
        currencies=_EUR,
    ),
    PaymentMethod(
        id="sepa_debit",
        name="SEPA Direct Debit",
        kind=_K.DEBIT,
        providers=("stripe",),
        countries=_SEPA,
        currencies=_EUR,
        recurring=True,
        settles_within=timedelta(days=14),
    ),
    PaymentMethod(
        id="bacs_debit",
        name="Bacs Direct Debit",
        kind=_K.DEBIT,
        providers=("stripe",),
        countries=frozenset({"GB"}),
        currencies=frozenset({"GBP"}),
        recurring=True,
        settles_within=timedelta(days=7),
    ),
    PaymentMethod(id="cash", name="Cash", kind=_K.CASH, providers=("cash",)),
    # Ended on 31 March 2025; Klarna takes its place.
    PaymentMethod(
        id="sofort",
        name="Sofort",
        kind=_K.BANK,
        countries=_codes("AT BE DE ES IT NL"),
        currencies=_EUR,
        availability=Availability.ENDED,
    ),
    PaymentMethod(
        id="klarna",
        name="Klarna",
        kind=_K.LATER,
        providers=("stripe",),
        countries=frozenset(_KLARNA),
        currencies=frozenset(_KLARNA.values()),
        local=_KLARNA,
        holds=True,
    ),
    PaymentMethod(
        id="afterpay",
        name="Afterpay",
        kind=_K.LATER,
        providers=("stripe",),
        countries=frozenset(_AFTERPAY),
        currencies=frozenset(_AFTERPAY.values()),
        local=_AFTERPAY,
        limits={
            **dict.fromkeys(("AUD", "CAD", "NZD"), (100, 200_000)),
            "GBP": (100, 120_000),
            "USD": (100, 400_000),
        },
        holds=True,
    ),
    PaymentMethod(
        id=TRANSFER,
        name="Bank transfer",
        kind=_K.BANK,
        providers=(BANK,),
        currencies=_EUR,
        settles_within=timedelta(days=7),
    ),
)

KNOWN = frozenset(provider for method in METHODS for provider in method.providers)


def takes(
    provider: str, *, method: str | None, country: str | None, currency: str, minor: int | None = None
) -> bool:
    """Say whether a provider takes so much of this currency (`minor` units; not known: any) from a buyer of
    this country, by this method or by any that settles at once.

    One that is not in the table is asked and answers for itself.
    """
    if provider not in KNOWN:
        return True
    return any(
        provider in each.providers
        and (each.settles_within is None if method is None else method == each.id)
        and each.serves(country, currency, minor)
        for each in METHODS
    )
