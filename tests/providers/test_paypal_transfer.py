"""PayPal's payouts as we make them: one receiver to a batch, which is paid once and may come back."""

from datetime import timedelta
from uuid import uuid4

import aiohttp
import pytest

from domain.money import Money
from providers.gateway import Refused, StateConflict
from providers.transfer import Transfers, TransferStatus
from tests.providers.conftest import Delivery, MakeOrder, PayPalDesk, key_of, paypal_desk
from tests.support.sandbox import Account

SHARE, NOTHING = Money(minor=10_000, currency="USD"), Money(minor=0, currency="USD")
ANN, UNCLAIMED = "ann@shop.example", "unclaimed@shop.example"


@pytest.fixture
async def desk(
    account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]], order: MakeOrder
) -> PayPalDesk:
    """Give an account with something in it."""
    new, wished = await paypal_desk(account, http, received), order()
    await new.pay(await new.gateway.open_checkout(wished, op_key=key_of(wished)))
    return new


def transfers_of(desk: PayPalDesk) -> Transfers:
    assert desk.gateway.transfers is not None
    return desk.gateway.transfers


async def transferred(desk: PayPalDesk, payee: str = ANN) -> str:
    """Pay somebody, and let PayPal get to it; gives the transfer's reference."""
    transfer_id = uuid4().hex
    made = await transfers_of(desk).transfer(
        payee, SHARE, transfer_id=transfer_id, op_key=f"{transfer_id}:transfer:1"
    )
    await desk.advance(timedelta(seconds=2))
    return made.provider_ref


@pytest.mark.parametrize("op_key", ["t:transfer:1", "t:transfer:2"])
async def test_an_id_is_paid_once_whatever_its_key(desk: PayPalDesk, op_key: str) -> None:
    transfers = transfers_of(desk)
    first = await transfers.transfer(ANN, SHARE, transfer_id="t", op_key="t:transfer:1")

    again = await transfers.transfer(ANN, SHARE, transfer_id="t", op_key=op_key)
    await desk.advance(timedelta(seconds=2))

    assert again.provider_ref == first.provider_ref
    assert again.transfer_id == first.transfer_id == "t"
    assert [each["type"] for each in await desk.account.statement()].count("transfer") == 1
    assert await transfers.find_transfer(ANN, transfer_id="t") is None


@pytest.mark.parametrize(
    ("payee", "status"),
    [
        ("failed@shop.example", TransferStatus.FAILED),
        ("blocked@shop.example", TransferStatus.FAILED),
        ("held@shop.example", TransferStatus.PENDING),
        (UNCLAIMED, TransferStatus.PENDING),
        ("PAYERID0001", TransferStatus.COMPLETED),
    ],
)
async def test_a_transfer_ends_as_its_receiver_lets_it(
    desk: PayPalDesk, payee: str, status: TransferStatus
) -> None:
    found = await transfers_of(desk).fetch_transfer(await transferred(desk, payee))

    assert found.status is status


async def test_what_nobody_claims_is_taken_back_whole_and_once(desk: PayPalDesk) -> None:
    transfers, reference = transfers_of(desk), await transferred(desk, UNCLAIMED)

    with pytest.raises(Refused):
        await transfers.reverse_transfer(reference, Money(minor=1, currency="USD"), op_key="t:reverse:1")
    backs = [await transfers.reverse_transfer(reference, SHARE, op_key="t:reverse:1") for _ in range(2)]

    assert [(each.status, each.reversed_amount) for each in backs] == [(TransferStatus.RETURNED, SHARE)] * 2
    assert sum(each["net"] for each in (await desk.account.statement())[1:]) == 0


async def test_what_was_claimed_is_the_receivers(desk: PayPalDesk) -> None:
    transfers, reference = transfers_of(desk), await transferred(desk)

    with pytest.raises(StateConflict):
        await transfers.reverse_transfer(reference, SHARE, op_key="t:reverse:1")


async def test_nobody_is_paid_out_to_a_bank(desk: PayPalDesk) -> None:
    transfers = transfers_of(desk)

    with pytest.raises(Refused, match="not_offered"):
        await transfers.pay_out(ANN, SHARE, payout_id="p", op_key="p:payout:1")
    with pytest.raises(Refused, match="not_offered"):
        await transfers.fetch_payout(ANN, "p")
    assert await transfers.find_payout(ANN, payout_id="p") is None
