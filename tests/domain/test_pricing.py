"""Prices are reckoned by us, line by line."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.catalog import SaleStatus, Slot, Variant
from domain.ids import CounterId, OfferId, SlotId, VariantId
from domain.inventory import places_wanted
from domain.money import Money
from domain.pricing import Choice, price
from domain.refusal import InvalidRequest, SalesClosed

OFFER = OfferId(UUID(int=1))
VIP, STANDARD, GONE = (VariantId(UUID(int=n)) for n in (2, 3, 4))
QUOTA = CounterId(UUID(int=9))
NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)


def variant(variant_id: VariantId, minor: int, **more: object) -> Variant:
    return Variant.model_validate(
        {
            "id": variant_id,
            "offer_id": OFFER,
            "name": f"V{variant_id.int}",
            "price": Money(minor=minor, currency="EUR"),
            **more,
        }
    )


VARIANTS = {
    VIP: variant(VIP, 9900, quota_id=QUOTA),
    STANDARD: variant(STANDARD, 2500, min_quantity=2, max_quantity=6),
    GONE: variant(GONE, 100, status=SaleStatus.SOLD_OUT),
}
SLOT = Slot(
    id=SlotId(UUID(int=5)),
    offer_id=OFFER,
    starts_at=NOON,
    ends_at=NOON + timedelta(hours=2),
    zone="Europe/Madrid",
    sales_until=NOON,
)


def choice(variant_id: VariantId, quantity: int) -> Choice:
    return Choice(variant_id=variant_id, quantity=quantity)


def test_lines_and_total_are_reckoned_in_the_order_asked() -> None:
    lines, total = price([choice(VIP, 2), choice(STANDARD, 3)], VARIANTS, "EUR")

    assert [(line.variant_id, line.quantity, line.total.minor) for line in lines] == [
        (VIP, 2, 19800),
        (STANDARD, 3, 7500),
    ]
    assert total == Money(minor=27300, currency="EUR")


@pytest.mark.parametrize(
    ("choices", "pointer", "code"),
    [
        ([choice(STANDARD, 1)], "/lines/0/quantity", "too_small"),
        ([choice(VIP, 1), choice(STANDARD, 7)], "/lines/1/quantity", "too_large"),
        ([choice(VIP, 1), choice(VIP, 1)], "/lines/1/variant_id", "repeated"),
        ([choice(VariantId(UUID(int=77)), 1)], "/lines/0/variant_id", "unknown"),
    ],
)
def test_a_broken_rule_is_named_with_its_field(choices: list[Choice], pointer: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as no:
        price(choices, VARIANTS, "EUR")

    errors = no.value.facts["errors"]
    assert isinstance(errors, list)
    assert [(error["pointer"], error["code"]) for error in errors if isinstance(error, dict)] == [
        (pointer, code)
    ]


def test_a_variant_that_is_not_live_is_not_sold() -> None:
    with pytest.raises(SalesClosed):
        price([choice(GONE, 1)], VARIANTS, "EUR")


def test_places_are_wanted_of_the_slot_and_of_each_quota_in_the_order_of_ids() -> None:
    lines, _ = price([choice(VIP, 2), choice(STANDARD, 3)], VARIANTS, "EUR")

    wanted = places_wanted(lines, SLOT, VARIANTS)

    assert wanted == {CounterId(SLOT.id): 5, QUOTA: 2}
    assert list(wanted) == sorted(wanted)


@pytest.mark.parametrize(
    ("now", "on_sale"),
    [(NOON - timedelta(seconds=1), True), (NOON, False), (NOON - timedelta(days=31), False)],
)
def test_sales_are_open_in_a_half_open_period(now: datetime, on_sale: bool) -> None:
    slot = SLOT.model_copy(update={"sales_from": NOON - timedelta(days=30)})

    assert slot.on_sale(now) is on_sale
