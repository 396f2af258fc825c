"""Gateways that have nobody to ask, the drawer and the bank: what holds for all of them."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.money import Money
from domain.split import Portion
from providers.cash import CashGateway
from providers.gateway import BadSignature, Gateway, Order, Refused, StateConflict
from tests.providers.conftest import MakeOrder, key_of
from tests.providers.test_bank import NOW, bank, line

WHOLE = Money(minor=5_000, currency="EUR")


@pytest.fixture
def wished(order: MakeOrder) -> Order:
    return order(amount=WHOLE, settles_within=timedelta(days=7))


@pytest.fixture(params=["cash", "bank"])
def gateway(request: pytest.FixtureRequest, wished: Order) -> Gateway:
    """Give each of them in turn."""
    gateways: dict[str, Gateway] = {"cash": CashGateway("default"), "bank": bank(wished, line(wished))}
    return gateways[request.param]


async def test_nothing_is_only_authorised(gateway: Gateway, wished: Order) -> None:
    ref = (await gateway.open_checkout(wished, op_key=key_of(wished))).provider_ref

    with pytest.raises(StateConflict):
        await gateway.capture(ref, WHOLE, op_key="capture")
    with pytest.raises(StateConflict):
        await gateway.void(ref, op_key="void")


async def test_nothing_is_told_by_anybody_outside_nor_kept_by_them(gateway: Gateway, wished: Order) -> None:
    gateway.refuse_if_away()
    with pytest.raises(BadSignature):
        await gateway.verify(line(wished).written(), {}, NOW)

    assert gateway.parse(b"{}") == gateway.parse(b"\xff") == ()
    assert (await gateway.missed(datetime(2020, 1, 1, tzinfo=UTC))).deliveries == ()
    assert await gateway.find_checkout(wished.payment_id) is None
    assert (gateway.vault, gateway.books, gateway.transfers, gateway.disputes) == (None,) * 4


async def test_nothing_is_divided(gateway: Gateway, wished: Order) -> None:
    portions = (Portion(vendor="boat", payee="BA1", amount=WHOLE),)
    ref = (await gateway.open_checkout(wished, op_key=key_of(wished))).provider_ref

    with pytest.raises(Refused, match="not_divided"):
        await gateway.open_checkout(wished.model_copy(update={"portions": portions}), op_key="create")
    with pytest.raises(Refused, match="not_divided"):
        await gateway.refund(ref, WHOLE, refund_id="r", op_key="refund", portions=portions)
