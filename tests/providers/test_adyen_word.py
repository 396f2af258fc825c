"""Adyen's words in ours: amounts, refusals, the places where it is asked."""

import pytest

from domain.decline import Decline
from domain.money import Money
from providers.adyen_gateway import decline
from providers.adyen_gateway.address import beside
from providers.adyen_gateway.amount import from_adyen, to_adyen
from providers.amount import UNCOUNTABLE
from providers.gateway import Refused


@pytest.mark.parametrize(
    ("minor", "currency", "wire"),
    [
        (1_050, "EUR", 1_050),
        (500, "JPY", 500),
        (5_001, "KWD", 5_001),
        (17_550, "HUF", 17_550),
        (500, "CLP", 50_000),
        (500, "ISK", 50_000),
        (50_000, "IDR", 500),
        (50_000, "CVE", 500),
    ],
)
def test_an_amount_is_counted_as_adyen_counts_it(minor: int, currency: str, wire: int) -> None:
    money = Money(minor=minor, currency=currency)

    assert to_adyen(money) == {"value": wire, "currency": currency}
    assert from_adyen(wire, currency) == money


def test_an_amount_between_units_is_refused_and_equals_none_of_ours() -> None:
    with pytest.raises(Refused):
        to_adyen(Money(minor=50_050, currency="IDR"))
    assert from_adyen(1_050, "ISK").currency == UNCOUNTABLE


@pytest.mark.row("PAY-28", partly="Adyen's reasons; guidance: tests/domain")
@pytest.mark.parametrize(
    ("reason", "means"),
    [
        ("Refused", Decline.CARD_DECLINED),
        ("Blocked Card", Decline.CARD_DECLINED),
        ("FRAUD", Decline.CARD_DECLINED),
        ("Not enough balance", Decline.INSUFFICIENT_FUNDS),
        ("Expired Card", Decline.EXPIRED_CARD),
        ("CVC Declined", Decline.INCORRECT_CVC),
        ("Invalid Card Number", Decline.INCORRECT_DETAILS),
        ("3D Not Authenticated", Decline.AUTHENTICATION_FAILED),
        ("Authentication required", Decline.AUTHENTICATION_REQUIRED),
        ("Acquirer Error", Decline.PROCESSING_ERROR),
        ("Not supported", Decline.METHOD_UNAVAILABLE),
        ("A reason of tomorrow", Decline.CARD_DECLINED),
    ],
)
def test_a_refusal_is_told_in_our_words(reason: str, means: Decline) -> None:
    assert decline.of(reason) is means


@pytest.mark.parametrize(
    ("checkout", "disputes"),
    [
        ("https://checkout-test.adyen.com", "https://ca-test.adyen.com/ca/services/DisputeService/v30"),
        (
            "https://prefix-checkout-live.adyenpayments.com/checkout",
            "https://ca-live.adyen.com/ca/services/DisputeService/v30",
        ),
        (
            "http://127.0.0.1:8010/adyen/checkout",
            "http://127.0.0.1:8010/adyen/ca/services/DisputeService/v30",
        ),
    ],
)
def test_another_service_is_asked_where_it_is(checkout: str, disputes: str) -> None:
    assert beside(checkout, "ca/services/DisputeService/v30") == disputes
