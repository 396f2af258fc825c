"""Refunds through the unmodified SDK, and what they do to the books."""

import asyncio

import pytest
import stripe

from tests.sandbox.conftest import Shop


async def test_refunds_in_parts_end_at_what_was_captured(shop: Shop) -> None:
    intent = await shop.paid(5_000)
    refunds = shop.stripe.v1.refunds

    part = await refunds.create_async(
        {
            "payment_intent": intent.id,
            "amount": 2_000,
            "reason": "requested_by_customer",
            "metadata": {"refund_id": "r1"},
        }
    )
    rest = await refunds.create_async({"charge": intent.latest_charge})

    assert (part.status, part.amount, rest.amount) == ("succeeded", 2_000, 3_000)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await refunds.create_async({"payment_intent": intent.id, "amount": 1})
    assert refusal.value.code == "charge_already_refunded"
    assert [payment["refunded"] for payment in await shop.payments()] == [5_000]
    assert [each.id for each in (await refunds.list_async({"payment_intent": intent.id})).data] == [
        rest.id,
        part.id,
    ]


async def test_refund_beyond_what_is_left_is_refused(shop: Shop) -> None:
    intent = await shop.paid(5_000)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id, "amount": 5_001})

    assert refusal.value.param == "amount"
    assert [payment["refunded"] for payment in await shop.payments()] == [0]


async def test_many_refunds_at_once_never_exceed_the_capture(shop: Shop) -> None:
    intent = await shop.paid(5_000)

    answers = await asyncio.gather(
        *[
            shop.stripe.v1.refunds.create_async({"payment_intent": intent.id, "amount": 900})
            for _ in range(12)
        ],
        return_exceptions=True,
    )

    assert sum(isinstance(answer, stripe.Refund) for answer in answers) == 5
    assert [payment["refunded"] for payment in await shop.payments()] == [4_500]


async def test_refund_may_take_a_while(shop: Shop) -> None:
    intent = await shop.paid(card="pm_card_pendingRefund")
    refund = await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")

    await shop.advance(10)

    assert (await shop.stripe.v1.refunds.retrieve_async(refund.id)).status == "succeeded"
    assert (await shop.event_types())[-2:] == ["refund.updated", "charge.refund.updated"]


async def test_refund_can_fail_after_it_succeeded_and_the_money_is_back(shop: Shop) -> None:
    intent = await shop.paid(card="pm_card_refundFail")
    refund = await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    assert refund.status == "succeeded"

    await shop.advance(10)

    failed = await shop.stripe.v1.refunds.retrieve_async(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.failure_balance_transaction is not None
    assert [payment["refunded"] for payment in await shop.payments()] == [0]
    assert "refund.failed" in await shop.event_types()


async def test_pending_refund_can_be_cancelled_and_a_done_one_not(shop: Shop) -> None:
    slow, quick = await shop.paid(card="pm_card_pendingRefund"), await shop.paid()
    pending = await shop.stripe.v1.refunds.create_async({"payment_intent": slow.id})
    done = await shop.stripe.v1.refunds.create_async({"payment_intent": quick.id})

    cancelled = await shop.stripe.v1.refunds.cancel_async(pending.id)

    assert cancelled.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.refunds.cancel_async(done.id)


@pytest.mark.parametrize("capture", ["manual", None])
async def test_only_captured_money_can_go_back(shop: Shop, capture: str | None) -> None:
    if capture:
        intent = await shop.paid(capture_method=capture)
    else:
        intent = await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})

    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id})


async def test_statement_adds_up_to_the_balance(shop: Shop) -> None:
    intent = await shop.paid(10_000)
    await shop.advance(2)
    await shop.stripe.v1.refunds.create_async({"payment_intent": intent.id, "amount": 4_000})

    lines = await shop.stripe.v1.balance_transactions.list_async()
    balance = await shop.stripe.v1.balance.retrieve_async()

    assert [(line.type, line.amount, line.fee, line.net) for line in lines.data] == [
        ("refund", -4_000, 0, -4_000),
        ("charge", 10_000, 175, 9_825),
    ]
    held = sum(each.amount for each in [*balance.available, *balance.pending] if each.currency == "eur")
    assert held == sum(line.net for line in lines.data) == 5_825
    one = await shop.stripe.v1.balance_transactions.retrieve_async(lines.data[0].id, {"expand": ["source"]})
    assert one.source.object == "refund"
