"""What is promised of whoever can move money to a payee and from there to a bank: once, and followed."""

from datetime import timedelta

import pytest

from domain.money import Money
from providers.gateway import NeedsFunds, NotFound, Refused, StateConflict
from providers.transfer import PayoutStatus, Transfers, TransferStatus
from tests.providers.conftest import Desk, MakeOrder, desks, key_of

SETTLED = timedelta(days=3)
SOME, PART = Money(minor=10_000, currency="USD"), Money(minor=4_000, currency="USD")
desk = desks("stripe")


def transfers_of(desk: Desk) -> Transfers:
    transfers = desk.gateway.transfers
    assert transfers is not None
    return transfers


async def payee(desk: Desk, bank: str = "000123456789") -> str:
    """Open an account for somebody to be paid, with a test bank account."""
    wish = {
        "type": "express",
        "capabilities[transfers][requested]": "true",
        "external_account[object]": "bank_account",
        "external_account[country]": "US",
        "external_account[currency]": "usd",
        "external_account[account_number]": bank,
    }
    answer = await desk.account.http.post(
        f"{desk.account.url}/stripe/v1/accounts",
        data=wish,
        headers={"Authorization": f"Bearer {desk.account.key}"},
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


async def funded(desk: Desk, order: MakeOrder) -> None:
    """Have a payment taken, and settled."""
    wished = order()
    await desk.pay(await desk.gateway.open_checkout(wished, op_key=key_of(wished)))
    await desk.advance(SETTLED)


async def test_the_same_key_moves_money_once_and_it_is_found_again(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)

    moved = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")

    assert (moved.status, moved.amount, moved.reversed_amount.minor) == (TransferStatus.COMPLETED, SOME, 0)
    assert await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1") == moved
    assert await transfers.find_transfer(whom, transfer_id="t1") == moved
    assert await transfers.find_transfer(whom, transfer_id="t2") is None
    assert await transfers.fetch_transfer(moved.provider_ref) == moved


async def test_what_is_not_there_cannot_be_moved(desk: Desk) -> None:
    with pytest.raises(NeedsFunds):
        await transfers_of(desk).transfer(await payee(desk), SOME, transfer_id="t1", op_key="t1:transfer:1")


async def test_nobody_is_not_paid(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)

    with pytest.raises(Refused):
        await transfers_of(desk).transfer("acct_nobody", SOME, transfer_id="t1", op_key="t1:transfer:1")


async def test_a_transfer_is_taken_back_in_parts_and_no_more_than_there_was(
    desk: Desk, order: MakeOrder
) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)
    moved = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")

    for n in (1, 1, 2):
        back = await transfers.reverse_transfer(moved.provider_ref, PART, op_key=f"t1:reverse:{n}")
        assert back.reversed_amount == PART * n

    with pytest.raises(StateConflict):
        await transfers.reverse_transfer(moved.provider_ref, PART, op_key="t1:reverse:3")


async def test_what_a_payee_has_no_more_cannot_be_taken_back(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)
    moved = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await transfers.pay_out(whom, SOME, payout_id="p1", op_key="p1:payout:1")

    with pytest.raises(NeedsFunds):
        await transfers.reverse_transfer(moved.provider_ref, PART, op_key="t1:reverse:1")


async def test_a_payout_is_sent_once_and_followed_to_the_bank_and_back(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)
    await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")

    sent = await transfers.pay_out(whom, PART, payout_id="p1", op_key="p1:payout:1")

    assert (sent.status, sent.amount) == (PayoutStatus.PENDING, PART)
    assert await transfers.pay_out(whom, PART, payout_id="p1", op_key="p1:payout:1") == sent
    assert await transfers.find_payout(whom, payout_id="p1") == sent
    await desk.advance(timedelta(seconds=5))
    assert (await transfers.fetch_payout(whom, sent.provider_ref)).status is PayoutStatus.IN_TRANSIT
    await desk.advance(SETTLED)
    assert (await transfers.fetch_payout(whom, sent.provider_ref)).status is PayoutStatus.PAID

    await desk.account.control(f"payouts/{sent.provider_ref}/fail")

    failed = await transfers.fetch_payout(whom, sent.provider_ref)
    assert (failed.status, failed.failure) == (PayoutStatus.FAILED, "account_closed")
    again = await transfers.pay_out(whom, SOME, payout_id="p2", op_key="p2:payout:1")  # it is all there again
    assert again.provider_ref != sent.provider_ref


@pytest.mark.parametrize(
    ("bank", "why"), [("000111111116", "no_account"), ("000111111113", "account_closed")]
)
async def test_a_bank_that_takes_nothing_says_why(desk: Desk, order: MakeOrder, bank: str, why: str) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk, bank), transfers_of(desk)
    await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    sent = await transfers.pay_out(whom, SOME, payout_id="p1", op_key="p1:payout:1")

    await desk.advance(SETTLED)

    seen = await transfers.fetch_payout(whom, sent.provider_ref)
    assert (seen.status, seen.failure) == (PayoutStatus.FAILED, why)


async def test_what_nobody_knows_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await transfers_of(desk).fetch_transfer("tr_never_there")
    with pytest.raises(NotFound):
        await transfers_of(desk).fetch_payout(await payee(desk), "po_never_there")
