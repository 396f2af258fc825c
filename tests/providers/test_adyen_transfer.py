"""Payouts over Adyen: what is asked for, what every answer means, and what is told of them."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from domain.money import Money
from providers.adyen_gateway.transfer import PAYOUTS, paid_out
from providers.gateway import BadSignature, NeedsFunds, NotFound, OutcomeUnknown, Refused, WebhookEvent
from providers.transfer import PaidOut, PayoutStatus, Transfers
from tests.providers.adyen_item import KEY, OTHER_KEY, SIGNATURE, SIGNED, signature, text_of
from tests.providers.conftest import Delivery, Desk, MakeOrder, Told, adyen_gateway
from tests.providers.payee import BANK, SETTLED, with_money
from tests.support.adyen import balance
from tests.support.sandbox import Account

ACCOUNT, SOME = "BA00000000000000000000BOAT", Money(minor=1_000, currency="EUR")
PAYEE = f"{ACCOUNT}/{BANK}"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def transfer(status: str = "received", **more: Any) -> dict[str, Any]:
    """Write a transfer as Adyen shows it."""
    return {
        "id": "1W1UG35U8A9J5ZLG",
        "amount": {"value": 1_000, "currency": "EUR"},
        "balanceAccount": {"id": ACCOUNT},
        "category": "bank",
        "creationDate": "2026-11-22T12:00:00+00:00",
        "direction": "outgoing",
        "reference": "payout:p1",
        "status": status,
        **more,
    }


def event(data: dict[str, Any], **more: Any) -> bytes:
    """Write what a platform is told."""
    told = {
        "data": data,
        "environment": "test",
        "timestamp": "2026-11-22T12:00:05+00:00",
        "type": "balancePlatform.transfer.updated",
        **more,
    }
    return json.dumps(told).encode()


def transfers_at(account: Account, address: str) -> Transfers:
    found = adyen_gateway(account, Told([]), api=address).transfers
    assert found is not None
    return found


async def test_a_payout_is_asked_for_with_exactly_these_fields_and_a_key(
    account: Account, stub: tuple[str, list[Any], list[web.Response]]
) -> None:
    address, came, answers = stub
    answers.append(web.json_response(transfer(), status=202))

    sent = await transfers_at(account, address).pay_out(PAYEE, SOME, payout_id="p1", op_key="p1:payout:1")

    ((path, headers, body),) = came
    assert (path, headers["Idempotency-Key"]) == ("/btl/v4/transfers", "p1:payout:1")
    assert body == {
        "amount": {"value": 1_000, "currency": "EUR"},
        "balanceAccountId": ACCOUNT,
        "category": "bank",
        "counterparty": {"transferInstrumentId": BANK},
        "priority": "regular",
        "reference": "payout:p1",
    }
    assert sent == PaidOut(
        provider_ref="1W1UG35U8A9J5ZLG", status=PayoutStatus.PENDING, amount=SOME, payout_id="p1"
    )


@pytest.mark.parametrize(
    ("reason", "trouble"),
    [("notEnoughBalance", NeedsFunds), ("declinedByTransactionRule", Refused), (None, Refused)],
)
async def test_what_is_refused_at_once_says_whether_money_was_missing(
    account: Account,
    stub: tuple[str, list[Any], list[web.Response]],
    reason: str | None,
    trouble: type[Exception],
) -> None:
    address, _, answers = stub
    answers.append(web.json_response(transfer("refused", reason=reason), status=202))

    with pytest.raises(trouble):
        await transfers_at(account, address).pay_out(PAYEE, SOME, payout_id="p1", op_key="p1:payout:1")


@pytest.mark.parametrize("answer", [{"id": "1"}, transfer(amount=7), [], transfer(id=None)])
async def test_an_answer_that_nobody_understands_is_an_unknown_outcome(
    account: Account, stub: tuple[str, list[Any], list[web.Response]], answer: Any
) -> None:
    address, _, answers = stub
    answers.append(web.json_response(answer, status=202))

    with pytest.raises(OutcomeUnknown):
        await transfers_at(account, address).pay_out(PAYEE, SOME, payout_id="p1", op_key="p1:payout:1")


@pytest.mark.parametrize(("status", "means"), [*PAYOUTS.items(), ("of_tomorrow", PayoutStatus.PENDING)])
def test_each_status_of_a_transfer_means_one_thing(status: str, means: PayoutStatus) -> None:
    read = paid_out(transfer(status, reason="counterpartyAccountClosed", reference="another's"))

    failed = means is PayoutStatus.FAILED
    assert (read.status, read.failure) == (means, "counterpartyAccountClosed" if failed else None)
    assert read.payout_id is None


async def test_nothing_is_moved_between_balances_and_who_has_no_bank_is_not_paid(adyen: Desk) -> None:
    transfers = adyen.gateway.transfers
    assert transfers is not None

    for asking in (
        partial(transfers.transfer, PAYEE, SOME, transfer_id="t1", op_key="t1:transfer:1"),
        partial(transfers.fetch_transfer, "T1"),
        partial(transfers.reverse_transfer, "T1", SOME, op_key="t1:reverse:1"),
    ):
        with pytest.raises(Refused, match="not_offered"):
            await asking()
    with pytest.raises(Refused, match="payee_has_no_bank"):
        await transfers.pay_out(ACCOUNT, SOME, payout_id="p1", op_key="p1:payout:1")
    assert await transfers.find_transfer(PAYEE, transfer_id="t1") is None


async def test_anothers_payout_is_not_theirs(adyen: Desk, order: MakeOrder) -> None:
    transfers, mine, other = adyen.gateway.transfers, *[await with_money(adyen, order) for _ in range(2)]
    assert transfers is not None
    sent = await transfers.pay_out(mine, Money(minor=1, currency="USD"), payout_id="p1", op_key="p1:payout:1")

    with pytest.raises(NotFound):
        await transfers.fetch_payout(other, sent.provider_ref)
    assert await transfers.find_payout(other, payout_id="p1") is None


@pytest.mark.row("WHK-05", partly="where a payout stands; notifications: test_adyen_notification.py")
async def test_what_becomes_of_a_payout_is_told_signed_as_a_whole(
    adyen: Desk, order: MakeOrder, received: tuple[str, list[Delivery]]
) -> None:
    await adyen.account.listen(received[0], KEY, of_payees=True)
    gateway = adyen_gateway(adyen.account, Told([]), adyen.webhook_secret, KEY)
    transfers = gateway.transfers
    assert transfers is not None
    payee, part = await with_money(adyen, order), Money(minor=4_000, currency="USD")
    sent = await transfers.pay_out(payee, part, payout_id="p1", op_key="p1:payout:1")
    await adyen.advance(SETTLED)
    await adyen.account.control(f"payouts/{sent.provider_ref}/fail")

    deliveries = await adyen.told()
    for each in deliveries:
        await gateway.verify(each.raw, each.headers, NOW)
    events = [event for each in deliveries for event in gateway.parse(each.raw)]

    told = [each.transfer for each in events if isinstance(each.transfer, PaidOut)]
    assert [(each.status, each.payout_id) for each in told] == [
        (status, "p1")
        for status in (PayoutStatus.PENDING, PayoutStatus.IN_TRANSIT, PayoutStatus.PAID, PayoutStatus.FAILED)
    ]
    assert told[-1] == await transfers.fetch_payout(payee, sent.provider_ref)
    assert not any(each.facts or each.payment_id or each.foreign for each in events if each.transfer)
    assert len({each.event_id for each in events}) == len(events)


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (event(transfer()), {}),
        (event(transfer()), {"hmacsignature": signature(event(transfer()), OTHER_KEY)}),
        (event(transfer("booked")), {"hmacsignature": signature(event(transfer()))}),
        (event(transfer()), {"hmacsignature": "é"}),
        # The signed text of an item, passed off as a delivery.
        (text_of(SIGNED), {"hmacsignature": SIGNATURE}),
    ],
    ids=["unsigned", "another_key", "changed", "no_ascii", "an_items_text"],
)
async def test_what_the_platform_did_not_sign_is_not_believed(
    account: Account, raw: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises(BadSignature):
        await adyen_gateway(account, Told([]), KEY).verify(raw, headers, NOW)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (event(transfer("booked")), True),
        (event(transfer("booked"), type="balancePlatform.transfer.created"), True),
        (event(transfer("booked", category="platformPayment")), False),
        (event(transfer("booked", direction="incoming")), False),
        (event(transfer("booked"), type="balancePlatform.transaction.created"), False),
    ],
    ids=["updated", "created", "of_a_payment", "incoming", "another_kind"],
)
def test_of_all_a_platform_tells_only_payouts_are_read(account: Account, raw: bytes, told: bool) -> None:
    (read,) = adyen_gateway(account, Told([])).parse(raw)

    assert (read.transfer is not None, read.facts) == (told, ())
    assert (read.occurred_at, read.live) == (datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC), False)


@pytest.mark.parametrize("raw", [event({}), event(transfer(amount=None)), b'{"type": "balancePlatform.x"}'])
def test_what_is_of_another_shape_is_no_event(account: Account, raw: bytes) -> None:
    assert list[WebhookEvent](adyen_gateway(account, Told([])).parse(raw)) == []


async def test_a_payout_leaves_the_balance_once(adyen: Desk, order: MakeOrder) -> None:
    transfers, payee = adyen.gateway.transfers, await with_money(adyen, order)
    assert transfers is not None
    had = await balance(adyen.account, payee.partition("/")[0])

    for _ in range(2):
        await transfers.pay_out(
            payee, Money(minor=4_000, currency="USD"), payout_id="p1", op_key="p1:payout:1"
        )

    assert await balance(adyen.account, payee.partition("/")[0]) == had - 4_000
