"""What is promised of whoever pays out to the bank of a payee: once, out of what they have, and followed."""

from datetime import timedelta

import pytest

from providers.gateway import NeedsFunds, NotFound
from providers.transfer import PayoutStatus
from tests.providers.conftest import Desk, MakeOrder, desks
from tests.providers.payee import SETTLED, SOME, with_money
from tests.providers.test_transfer_contract import PART, transfers_of

desk = desks("stripe", "adyen")
# Test bank accounts that take nothing, and what each provider says of them.
CLOSED, UNKNOWN = "000111111113", "000111111116"
WORDS = {
    "stripe": {CLOSED: "account_closed", UNKNOWN: "no_account"},
    "adyen": {CLOSED: "counterpartyAccountClosed", UNKNOWN: "counterpartyAccountNotFound"},
}


async def test_a_payout_is_sent_once_and_followed_to_the_bank_and_back(desk: Desk, order: MakeOrder) -> None:
    whom, transfers = await with_money(desk, order), transfers_of(desk)

    sent = await transfers.pay_out(whom, PART, payout_id="p1", op_key="p1:payout:1")

    assert (sent.status, sent.amount) == (PayoutStatus.PENDING, PART)
    assert await transfers.pay_out(whom, PART, payout_id="p1", op_key="p1:payout:1") == sent
    found = await transfers.find_payout(whom, payout_id="p1")
    assert found is not None
    assert (found.provider_ref, found.amount) == (sent.provider_ref, PART)
    assert await transfers.find_payout(whom, payout_id="p2") is None
    await desk.advance(timedelta(seconds=5))
    assert (await transfers.fetch_payout(whom, sent.provider_ref)).status is PayoutStatus.IN_TRANSIT
    await desk.advance(SETTLED)
    assert (await transfers.fetch_payout(whom, sent.provider_ref)).status is PayoutStatus.PAID

    await desk.account.control(f"payouts/{sent.provider_ref}/fail")

    failed = await transfers.fetch_payout(whom, sent.provider_ref)
    assert (failed.status, failed.failure) == (PayoutStatus.FAILED, WORDS[desk.gateway.provider][CLOSED])
    again = await transfers.pay_out(whom, SOME, payout_id="p2", op_key="p2:payout:1")  # it is all there again
    assert again.provider_ref != sent.provider_ref


@pytest.mark.parametrize("bank", [UNKNOWN, CLOSED])
async def test_a_bank_that_takes_nothing_says_why(desk: Desk, order: MakeOrder, bank: str) -> None:
    whom, transfers = await with_money(desk, order, bank), transfers_of(desk)
    sent = await transfers.pay_out(whom, SOME, payout_id="p1", op_key="p1:payout:1")

    await desk.advance(SETTLED)

    seen = await transfers.fetch_payout(whom, sent.provider_ref)
    assert (seen.status, seen.failure) == (PayoutStatus.FAILED, WORDS[desk.gateway.provider][bank])


async def test_more_than_a_payee_has_is_not_paid_out(desk: Desk, order: MakeOrder) -> None:
    whom, transfers = await with_money(desk, order), transfers_of(desk)

    with pytest.raises(NeedsFunds):
        await transfers.pay_out(whom, SOME + PART, payout_id="p1", op_key="p1:payout:1")

    sent = await transfers.pay_out(whom, SOME, payout_id="p2", op_key="p2:payout:1")
    assert sent.amount == SOME


async def test_a_payout_that_nobody_knows_is_not_found(desk: Desk, order: MakeOrder) -> None:
    with pytest.raises(NotFound):
        await transfers_of(desk).fetch_payout(await with_money(desk, order), "po_never_there")
