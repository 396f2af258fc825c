"""What Stripe is asked for by the names that our callers know."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from providers.gateway import Order
from providers.stripe_gateway.order import intent_wish, session_wish

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def order(method: str | None, *, held: bool) -> Order:
    return Order(
        tenant_id=TenantId(UUID(int=1)),
        booking_id=BookingId(UUID(int=2)),
        payment_id=PaymentId(UUID(int=3)),
        reference="BK-1",
        amount=Money(minor=2500, currency="EUR"),
        description="A tour",
        hosted=True,
        return_url="https://shop.example/back",
        manual_capture=held,
        method=method,
    )


@pytest.mark.row("PAY-09")
@pytest.mark.parametrize(
    ("ours", "theirs", "held"),
    [
        ("card", "card", "manual"),
        ("apple_pay", "card", "manual"),
        ("google_pay", "card", "manual"),
        ("ideal", "ideal", "automatic_async"),
        ("bizum", "bizum", "automatic_async"),
        ("sepa_debit", "sepa_debit", "automatic_async"),
        ("klarna", "klarna", "manual"),
        ("afterpay", "afterpay_clearpay", "manual"),
    ],
)
def test_a_method_goes_by_stripes_name_and_is_held_where_it_can_be(ours: str, theirs: str, held: str) -> None:
    asked = order(ours, held=True)

    page, intent = session_wish(asked, NOW), intent_wish(asked)

    assert page["allowed_payment_method_types"] == intent["allowed_payment_method_types"] == [theirs]
    assert page["payment_intent_data"]["capture_method"] == intent["capture_method"] == held
