"""What Stripe tells of accounts that are connected to ours: how their payouts fare, nothing of payments."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from domain.money import Money
from providers.stripe_gateway import webhook
from providers.transfer import PaidOut, PayoutStatus, TransferStatus
from tests.providers.conftest import Delivery, Desk, MakeOrder, stripe_gateway
from tests.providers.test_stripe_webhook import INTENT, event
from tests.providers.test_transfer_contract import SETTLED, SOME, funded, payee, transfers_of
from tests.support.sandbox import Account

LABELS = {name: str(uuid4()) for name in ("tenant", "booking_id", "payment_id")}
THEIRS = "acct_1PgafTB1pXz8z2ab"
PAYOUT = {"id": "po_1", "object": "payout", "status": "paid", "amount": 10_000, "currency": "usd"}
TRANSFER = {"id": "tr_1", "object": "transfer", "amount": 10_000, "amount_reversed": 0, "currency": "usd"}


async def test_a_payouts_way_to_the_bank_and_back_is_told_by_the_payees_account(
    desk: Desk,
    order: MakeOrder,
    account: Account,
    http: aiohttp.ClientSession,
    received: tuple[str, list[Delivery]],
) -> None:
    url, deliveries = received
    secret = await account.register(url, connected=True)
    gateway = stripe_gateway(account, http, desk.webhook_secret, secret)
    await funded(desk, order)
    whom, transfers = await payee(desk), transfers_of(desk)
    await transfers.transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    await desk.told()
    deliveries.clear()

    sent = await transfers.pay_out(whom, SOME, payout_id="p1", op_key="p1:payout:1")
    for time in (timedelta(seconds=5), SETTLED):
        await desk.advance(time)
    await account.control(f"payouts/{sent.provider_ref}/fail")

    told: list[PaidOut] = []
    for each in await desk.told():
        await gateway.verify(each.raw, each.headers, datetime.now(UTC))
        for read in gateway.parse(each.raw):
            assert (read.connected, read.facts) == (True, ())
            assert isinstance(read.transfer, PaidOut)
            told.append(read.transfer)
    assert {each.status for each in told} == {
        PayoutStatus.PENDING,
        PayoutStatus.IN_TRANSIT,
        PayoutStatus.PAID,
        PayoutStatus.FAILED,
    }
    assert {(each.provider_ref, each.payout_id, each.amount) for each in told} == {
        (sent.provider_ref, "p1", SOME)
    }
    assert await transfers.fetch_payout(whom, sent.provider_ref) in told


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("payment_intent.succeeded", INTENT),
        ("charge.dispute.created", {"id": "du_1", "object": "dispute", "charge": "ch_1"}),
        ("transfer.created", TRANSFER),
        ("account.updated", {"id": THEIRS, "object": "account"}),
    ],
)
def test_what_happens_in_another_account_is_no_payment_of_ours_whatever_its_labels(
    kind: str, about: dict[str, Any]
) -> None:
    labelled = {**about, "metadata": LABELS}
    (ours,) = webhook.parse(event(kind, labelled), "main")
    assert (ours.connected, str(ours.payment_id)) == (False, LABELS["payment_id"])

    (read,) = webhook.parse(event(kind, labelled, account=THEIRS), "main")

    assert (read.kind, read.connected) == (kind, True)
    assert (read.tenant_id, read.booking_id, read.payment_id) == (None, None, None)
    assert (read.facts, read.disputed, read.dispute, read.transfer) == ((), None, None, None)


def test_a_transfer_is_told_of_our_account_and_a_payout_of_theirs() -> None:
    (moved,) = webhook.parse(event("transfer.created", TRANSFER), "main")
    (theirs,) = webhook.parse(event("payout.paid", PAYOUT, account=THEIRS), "main")
    (ours,) = webhook.parse(event("payout.paid", PAYOUT), "main")

    assert moved.transfer is not None
    assert (moved.transfer.status, moved.transfer.amount) == (TransferStatus.COMPLETED, SOME)
    assert theirs.transfer == PaidOut(
        provider_ref="po_1", status=PayoutStatus.PAID, amount=Money(minor=10_000, currency="USD")
    )
    assert ours.transfer is None


@pytest.mark.parametrize(
    "odd", [{"amount": None}, {"currency": 7}, {"arrival_date": 10**30}, {"metadata": "none"}]
)
def test_a_payout_of_another_shape_is_only_kept(odd: dict[str, Any]) -> None:
    (read,) = webhook.parse(event("payout.paid", {**PAYOUT, **odd}, account=THEIRS), "main")

    assert (read.kind, read.connected, read.transfer) == ("payout.paid", True, None)
