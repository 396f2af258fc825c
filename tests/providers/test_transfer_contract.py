"""What is promised of whoever moves money to payees: once, followed, told, and in the books.

Where a payee's money lies at the provider, it goes on to a bank; another pays the payee's own wallet.
"""

from datetime import UTC, datetime, timedelta

import pytest

from domain.money import Money
from providers.books import LineKind
from providers.gateway import NeedsFunds, NotFound, OutcomeUnknown, Refused, StateConflict
from providers.transfer import Transferred, Transfers, TransferStatus
from tests.providers.conftest import Desk, MakeOrder, desks, key_of

A_MOMENT, SETTLED = timedelta(seconds=5), timedelta(days=3)
# Longer than a key is remembered.
FORGOTTEN = timedelta(hours=25)
SOME, PART = Money(minor=10_000, currency="USD"), Money(minor=4_000, currency="USD")
# Where the providers are asked for a transfer, as patterns of the sandbox's faults.
ROUTES = {"stripe": "POST /v1/transfers", "paypal": "POST *payouts"}
# Some know payees, keep what was moved to them, and pay their banks.
KEEPS_BALANCES = pytest.mark.parametrize("desk", ["stripe"], indirect=True)
desk = desks(*ROUTES)


def transfers_of(desk: Desk) -> Transfers:
    transfers = desk.gateway.transfers
    assert transfers is not None
    return transfers


async def payee(desk: Desk, bank: str = "000123456789") -> str:
    """Name somebody to be paid, from whom money can be taken back; at some they have a test bank account."""
    if desk.gateway.provider == "paypal":
        return "unclaimed@shop.example"
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


async def receiver(desk: Desk) -> str:
    """Name somebody who has what they are paid at once."""
    return "ann@shop.example" if desk.gateway.provider == "paypal" else await payee(desk)


async def moved(desk: Desk) -> list[int]:
    """List what has left the balance for payees, and what came back, in minor units."""
    kinds = ("transfer", "transfer_reversal")
    return [each["amount"] for each in await desk.account.statement() if each["type"] in kinds]


async def funded(desk: Desk, order: MakeOrder) -> None:
    """Have a payment taken, and settled."""
    wished = order()
    await desk.pay(await desk.gateway.open_checkout(wished, op_key=key_of(wished)))
    await desk.advance(SETTLED)


async def test_money_is_moved_once_and_arrives(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await receiver(desk), transfers_of(desk)

    made = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    again = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await desk.advance(A_MOMENT)

    arrived = Transferred(
        provider_ref=made.provider_ref,
        status=TransferStatus.COMPLETED,
        amount=SOME,
        reversed_amount=Money(minor=0, currency="USD"),
        transfer_id="t1",
    )
    assert again.provider_ref == made.provider_ref
    assert await transfers.fetch_transfer(made.provider_ref) == arrived
    assert await moved(desk) == [-SOME.minor]


async def test_a_lost_answer_pays_nobody_twice(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await receiver(desk), transfers_of(desk)
    await desk.account.break_down(ROUTES[desk.gateway.provider], "response_lost")

    with pytest.raises(OutcomeUnknown):
        await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    found = await transfers.find_transfer(whom, transfer_id="t1")
    made = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await desk.advance(A_MOMENT)

    assert found in (None, made)
    assert await moved(desk) == [-SOME.minor]


async def test_what_becomes_of_a_transfer_is_told_as_it_is_answered(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)
    made = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await desk.advance(A_MOMENT)
    asked = await transfers.fetch_transfer(made.provider_ref)
    before = [event.transfer for each in await desk.told() for event in desk.gateway.parse(each.raw)]

    back = await transfers.reverse_transfer(made.provider_ref, SOME, op_key="t1:reverse:1")

    events = [event for each in await desk.told() for event in desk.gateway.parse(each.raw)]
    assert asked in before
    assert [event.transfer for event in events if event.transfer][-1] == back
    assert not any(event.facts or event.payment_id for event in events if event.transfer)


async def test_what_is_moved_and_comes_back_is_in_the_books(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers, books = await payee(desk), transfers_of(desk), desk.gateway.books
    assert books is not None
    made = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await desk.advance(A_MOMENT)
    await transfers.reverse_transfer(made.provider_ref, SOME, op_key="t1:reverse:1")

    now = datetime.now(UTC)
    lines = (await books.lines(now - SETTLED, now + SETTLED * 2)).lines
    (balance,) = await books.balances()

    assert [(each.kind, each.gross) for each in lines[:2]] == [
        (LineKind.TRANSFER_REVERSAL, SOME),
        (LineKind.TRANSFER, -SOME),
    ]
    assert sum(each.net.minor for each in lines) == (balance.available + balance.pending).minor


@KEEPS_BALANCES
async def test_a_transfer_is_found_by_our_id_of_it(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)

    made = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await desk.advance(FORGOTTEN)  # F14

    assert await transfers.find_transfer(whom, transfer_id="t1") == made
    assert await transfers.find_transfer(whom, transfer_id="t2") is None


async def test_what_is_not_there_cannot_be_moved(desk: Desk) -> None:
    with pytest.raises(NeedsFunds):
        await transfers_of(desk).transfer(await payee(desk), SOME, transfer_id="t1", op_key="t1:transfer:1")


@KEEPS_BALANCES
async def test_nobody_is_not_paid(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)

    with pytest.raises(Refused):
        await transfers_of(desk).transfer("acct_nobody", SOME, transfer_id="t1", op_key="t1:transfer:1")


async def test_a_transfer_is_taken_back_whole_and_once(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)
    made = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await desk.advance(A_MOMENT)

    for _ in range(2):
        back = await transfers.reverse_transfer(made.provider_ref, SOME, op_key="t1:reverse:1")
        assert (back.amount, back.reversed_amount) == (SOME, SOME)

    assert await moved(desk) == [-SOME.minor, SOME.minor]
    with pytest.raises(StateConflict):
        await transfers.reverse_transfer(made.provider_ref, PART, op_key="t1:reverse:2")


@KEEPS_BALANCES
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


@KEEPS_BALANCES
async def test_what_a_payee_has_no_more_cannot_be_taken_back(desk: Desk, order: MakeOrder) -> None:
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)
    moved = await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await transfers.pay_out(whom, SOME, payout_id="p1", op_key="p1:payout:1")

    with pytest.raises(NeedsFunds):
        await transfers.reverse_transfer(moved.provider_ref, PART, op_key="t1:reverse:1")


async def test_what_nobody_knows_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await transfers_of(desk).fetch_transfer("tr_never_there")
