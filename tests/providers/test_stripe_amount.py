"""Amounts on Stripe's wire, per currency that it counts in its own way (Stripe, "Supported currencies")."""

import pytest
from hypothesis import given, strategies as st

from domain.money import Money
from providers.amount import UNCOUNTABLE
from providers.gateway import Refused
from providers.stripe_gateway.amount import from_stripe, to_stripe

WHOLE = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")


@pytest.mark.row("PAY-03", partly="the answer's paymentId and clientSecret are proved with the API")
@pytest.mark.parametrize(
    ("minor", "currency", "wire"),
    [
        (59_999, "USD", 59_999),
        (1_050, "EUR", 1_050),
        *((500, currency, 500) for currency in WHOLE),
        (50_000, "MGA", 500),  # two decimals in ISO 4217, none at Stripe
        *((5_000, currency, 5_000) for currency in ("BHD", "JOD", "KWD", "OMR", "TND")),
        (500, "ISK", 50_000),  # none in ISO 4217, two at Stripe
        (500, "UGX", 50_000),
        (17_500, "HUF", 17_500),
        (17_550, "TWD", 17_550),
    ],
)
def test_an_amount_is_counted_as_stripe_counts_it(minor: int, currency: str, wire: int) -> None:
    money = Money(minor=minor, currency=currency)

    assert to_stripe(money) == wire
    assert from_stripe(wire, currency.lower()) == money


@pytest.mark.parametrize(
    ("minor", "currency"), [(5_001, "KWD"), (50_050, "MGA"), (1_000, "LYD"), (1_000, "IQD")]
)
def test_an_amount_that_stripe_cannot_take_exactly_is_refused(minor: int, currency: str) -> None:
    with pytest.raises(Refused):
        to_stripe(Money(minor=minor, currency=currency))


@given(
    minor=st.integers(0, 10**8), currency=st.sampled_from([*WHOLE, "EUR", "ISK", "UGX", "MGA", "KWD", "LYD"])
)
def test_what_can_be_asked_comes_back_as_it_was(minor: int, currency: str) -> None:
    money = Money(minor=minor, currency=currency)
    try:
        wire = to_stripe(money)
    except Refused:
        return

    assert from_stripe(wire, currency.lower()) == money


def test_an_amount_between_our_units_equals_none_of_ours() -> None:
    assert from_stripe(1_050, "isk").currency == UNCOUNTABLE
