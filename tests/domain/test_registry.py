"""The table of methods: each known id, where it is offered, and what it can do."""

import pytest

from domain.country import COUNTRIES
from domain.registry import METHODS, Availability, MethodKind, takes

BY_ID = {method.id: method for method in METHODS}
OFFERED = [method for method in METHODS if method.availability is Availability.OFFERED]


def served(country: str | None, currency: str) -> set[str]:
    return {method.id for method in METHODS if method.serves(country, currency)}


@pytest.mark.row("PAY-09")
def test_every_method_has_its_row() -> None:
    assert BY_ID.keys() == {
        *("card", "ideal", "sofort", "bizum", "paypal", "apple_pay", "google_pay", "sepa_debit"),
        *("bacs_debit", "klarna", "afterpay", "bank_transfer", "cash"),
    }
    assert len(BY_ID) == len(METHODS)
    assert BY_ID["card"].brands == ("visa", "mastercard", "amex", "maestro")
    assert BY_ID["sofort"].availability is Availability.ENDED


@pytest.mark.row("PAY-09")
@pytest.mark.parametrize(
    ("name", "able", "unable"),
    [
        ("card", {"holds", "refunds", "partial_refunds", "recurring"}, {"settles_within"}),
        ("paypal", {"holds", "refunds", "partial_refunds"}, {"recurring", "settles_within"}),
        ("ideal", {"refunds", "partial_refunds"}, {"holds", "recurring", "settles_within"}),
        ("bizum", {"refunds", "partial_refunds"}, {"holds", "recurring", "settles_within"}),
        ("sepa_debit", {"refunds", "recurring", "settles_within"}, {"holds"}),
        ("klarna", {"holds", "refunds", "partial_refunds"}, {"recurring", "settles_within"}),
        ("afterpay", {"holds", "refunds", "partial_refunds"}, {"recurring", "settles_within"}),
        ("bank_transfer", {"refunds", "partial_refunds", "settles_within"}, {"holds", "recurring"}),
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

    euros = everywhere | {"sepa_debit", "bank_transfer"}
    assert served("NL", "EUR") == euros | {"ideal", "klarna"}
    assert served("ES", "EUR") == euros | {"bizum", "klarna"}
    assert served("US", "USD") == everywhere | {"klarna", "afterpay"}
    assert served("GB", "GBP") == everywhere | {"bacs_debit", "klarna", "afterpay"}
    assert served("KR", "KRW") == everywhere - {"paypal"}
    assert served(None, "EUR") == euros | {"ideal", "bizum", "klarna"}


@pytest.mark.row("PAY-09")
@pytest.mark.parametrize(
    ("country", "currency", "minor", "later"),
    [
        ("US", "USD", 100, {"klarna", "afterpay"}),
        ("US", "USD", 99, {"klarna"}),
        ("US", "USD", 400_000, {"klarna", "afterpay"}),
        ("US", "USD", 400_001, {"klarna"}),
        ("GB", "GBP", 120_001, {"klarna"}),
        ("US", "EUR", 2_500, set()),
        ("SE", "SEK", 2_500, {"klarna"}),
        ("SE", "EUR", 2_500, set()),
        ("BR", "USD", 2_500, set()),
        (None, "AUD", 200_001, {"klarna"}),
    ],
)
def test_who_may_pay_later_follows_from_country_currency_and_amount(
    country: str | None, currency: str, minor: int, later: set[str]
) -> None:
    offered = {method.id for method in METHODS if method.serves(country, currency, minor)}

    assert offered & {"klarna", "afterpay"} == later


def test_a_provider_takes_what_one_of_its_methods_serves() -> None:
    assert takes("paypal", method=None, country="US", currency="USD")
    assert not takes("paypal", method=None, country="KR", currency="KRW")
    assert not takes("paypal", method="card", country="US", currency="USD")
    assert takes("nobody knows", method="card", country="US", currency="USD")


def test_what_settles_late_is_a_providers_way_only_where_it_is_named() -> None:
    assert takes("bank", method="bank_transfer", country="DE", currency="EUR")
    assert not takes("bank", method=None, country="DE", currency="EUR")
    assert not takes("bank", method="bank_transfer", country="GB", currency="GBP")


def test_every_kind_of_method_is_in_use() -> None:
    assert {method.kind for method in METHODS} == set(MethodKind)
