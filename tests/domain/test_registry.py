"""The table of methods: each known id, where it is offered, and what it can do."""

import pytest

from domain.country import COUNTRIES
from domain.registry import METHODS, Availability, MethodKind, takes

BY_ID = {method.id: method for method in METHODS}
OFFERED = [method for method in METHODS if method.availability is Availability.OFFERED]


def served(country: str | None, currency: str) -> set[str]:
    return {method.id for method in METHODS if method.serves(country, currency)}


@pytest.mark.row("PAY-09", partly="Klarna, Afterpay and bank transfer are listed as planned")
def test_every_method_has_its_row() -> None:
    assert BY_ID.keys() == {
        *("card", "ideal", "sofort", "bizum", "paypal", "apple_pay", "google_pay", "sepa_debit"),
        *("bacs_debit", "klarna", "afterpay", "bank_transfer", "cash"),
    }
    assert len(BY_ID) == len(METHODS)
    assert BY_ID["card"].brands == ("visa", "mastercard", "amex", "maestro")
    assert BY_ID["sofort"].availability is Availability.ENDED
    assert BY_ID["klarna"].availability is BY_ID["afterpay"].availability is Availability.PLANNED


@pytest.mark.row("PAY-09", partly="Klarna, Afterpay and bank transfer are listed as planned")
@pytest.mark.parametrize(
    ("name", "able", "unable"),
    [
        ("card", {"holds", "refunds", "partial_refunds", "recurring"}, {"settles_within"}),
        ("paypal", {"holds", "refunds", "partial_refunds"}, {"recurring", "settles_within"}),
        ("ideal", {"refunds", "partial_refunds"}, {"holds", "recurring", "settles_within"}),
        ("bizum", {"refunds", "partial_refunds"}, {"holds", "recurring", "settles_within"}),
        ("sepa_debit", {"refunds", "recurring", "settles_within"}, {"holds"}),
        ("cash", {"refunds"}, {"holds", "recurring", "settles_within"}),
    ],
)
def test_a_method_says_what_it_can_do(name: str, able: set[str], unable: set[str]) -> None:
    can = {what for what in able | unable if getattr(BY_ID[name], what)}

    assert can == able


def test_what_is_offered_has_a_provider_and_what_is_not_has_none() -> None:
    assert all(method.providers for method in OFFERED)
    assert not any(method.providers for method in METHODS if method not in OFFERED)
    assert all(method.countries <= COUNTRIES for method in METHODS)


@pytest.mark.row("PAY-10")
def test_methods_by_country_and_currency() -> None:
    everywhere = {"card", "apple_pay", "google_pay", "paypal", "cash"}

    assert served("NL", "EUR") == everywhere | {"ideal", "sepa_debit"}
    assert served("ES", "EUR") == everywhere | {"bizum", "sepa_debit"}
    assert served("US", "USD") == everywhere
    assert served("GB", "GBP") == everywhere | {"bacs_debit"}
    assert served("KR", "KRW") == everywhere - {"paypal"}
    assert served(None, "EUR") == everywhere | {"ideal", "bizum", "sepa_debit"}


def test_a_provider_takes_what_one_of_its_methods_serves() -> None:
    assert takes("paypal", method=None, country="US", currency="USD")
    assert not takes("paypal", method=None, country="KR", currency="KRW")
    assert not takes("paypal", method="card", country="US", currency="USD")
    assert takes("nobody knows", method="card", country="US", currency="USD")


def test_every_kind_of_method_is_in_use() -> None:
    assert {method.kind for method in METHODS} == set(MethodKind)
