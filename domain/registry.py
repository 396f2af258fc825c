"""The methods of payment there are: who offers them, where, in which currencies, and what they can do.

A table of facts, the same for everybody; which of them an organizer's buyers see is found in `domain.route`.
The names are ours: what a provider calls a method is known to its adapter alone.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

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


def _method(name: str, title: str, kind: MethodKind, providers: str = "", **facts: Any) -> PaymentMethod:
    """Write a row: our name, the one for people, the kind, and who offers it."""
    return PaymentMethod(id=name, name=title, kind=kind, providers=tuple(providers.split()), **facts)


def _within(local: Mapping[str, str]) -> dict[str, Any]:
    """Say that a method is for buyers of these countries, of each in its own currency."""
    return {"countries": frozenset(local), "currencies": frozenset(local.values()), "local": local}


_K = MethodKind
_EUR = _codes("EUR")
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

METHODS = (
    _method(
        "card",
        "Card",
        _K.CARD,
        "stripe adyen",
        brands=("visa", "mastercard", "amex", "maestro"),
        holds=True,
        recurring=True,
    ),
    _method("apple_pay", "Apple Pay", _K.WALLET, "stripe adyen", holds=True),
    _method("google_pay", "Google Pay", _K.WALLET, "stripe adyen", holds=True),
    _method("paypal", "PayPal", _K.WALLET, "paypal adyen", currencies=_PAYPAL, holds=True),
    _method("ideal", "iDEAL", _K.BANK, "stripe adyen", countries=_codes("NL"), currencies=_EUR),
    _method("bizum", "Bizum", _K.BANK, "stripe adyen", countries=_codes("ES"), currencies=_EUR),
    _method(
        "sepa_debit",
        "SEPA Direct Debit",
        _K.DEBIT,
        "stripe",
        countries=_SEPA,
        currencies=_EUR,
        recurring=True,
        settles_within=timedelta(days=14),
    ),
    _method(
        "bacs_debit",
        "Bacs Direct Debit",
        _K.DEBIT,
        "stripe",
        countries=_codes("GB"),
        currencies=_codes("GBP"),
        recurring=True,
        settles_within=timedelta(days=7),
    ),
    _method("cash", "Cash", _K.CASH, "cash"),
    # Ended on 31 March 2025; Klarna takes its place.
    _method(
        "sofort",
        "Sofort",
        _K.BANK,
        countries=_codes("AT BE DE ES IT NL"),
        currencies=_EUR,
        availability=Availability.ENDED,
    ),
    _method("klarna", "Klarna", _K.LATER, "stripe", **_within(_KLARNA), holds=True),
    _method(
        "afterpay",
        "Afterpay",
        _K.LATER,
        "stripe",
        **_within(_AFTERPAY),
        limits={
            **dict.fromkeys(("AUD", "CAD", "NZD"), (100, 200_000)),
            "GBP": (100, 120_000),
            "USD": (100, 400_000),
        },
        holds=True,
    ),
    _method(TRANSFER, "Bank transfer", _K.BANK, BANK, currencies=_EUR, settles_within=timedelta(days=7)),
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
