"""Disputes, driven by the unmodified SDK: cards that regret, evidence that decides, money that moves."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conforms import object_breaches
from tests.sandbox.conftest import Shop

FEE = 2000


async def disputed(shop: Shop, card: str = "pm_card_createDispute") -> Any:
    """Give the dispute of a payment of 50.00 by a card that regrets."""
    paid = await shop.paid(card=card, return_url="http://x.test")
    await shop.advance(5)
    [dispute] = (await shop.stripe.v1.disputes.list_async({"payment_intent": paid.id})).data
    return dispute


async def answered(shop: Shop, dispute: Any, text: str) -> Any:
    """Hand evidence in, and let the bank decide."""
    evidence = {"evidence": {"uncategorized_text": text}}
    await shop.stripe.v1.disputes.update_async(dispute.id, evidence)
    await shop.advance(5)
    return await shop.stripe.v1.disputes.retrieve_async(dispute.id)


def moved(dispute: Any) -> list[tuple[int, int, str]]:
    return [(line.amount, line.fee, line.reporting_category) for line in dispute.balance_transactions]


async def told_of_it(shop: Shop) -> list[str]:
    prefix = "charge.dispute."
    return [kind.removeprefix(prefix) for kind in await shop.event_types() if kind.startswith(prefix)]


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("pm_card_createDispute", "fraudulent"),
        ("pm_card_createDisputeProductNotReceived", "product_not_received"),
    ],
)
async def test_a_card_that_regrets_takes_the_money_and_a_fee(shop: Shop, card: str, reason: str) -> None:
    dispute = await disputed(shop, card)

    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", reason, 5000)
    assert moved(dispute) == [(-5000, FEE, "dispute")]
    assert await told_of_it(shop) == ["created", "funds_withdrawn"]
    charge = await shop.stripe.v1.charges.retrieve_async(dispute.charge)
    assert charge.disputed is True
    assert list(object_breaches(dispute.to_dict(), stripe.Dispute, "dispute")) == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.stripe.v1.refunds.create_async({"charge": dispute.charge})
    assert refused.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("text", "status", "net"), [("winning_evidence", "won", 0), ("losing_evidence", "lost", -5000 - FEE)]
)
async def test_evidence_decides(shop: Shop, text: str, status: str, net: int) -> None:
    ended = await answered(shop, await disputed(shop), text)

    assert ended.status == status
    assert (ended.evidence.uncategorized_text, ended.evidence_details.submission_count) == (text, 1)
    assert sum(line.net for line in ended.balance_transactions) == net
    assert (await told_of_it(shop))[-1] == "closed"
    assert ("funds_reinstated" in await told_of_it(shop)) is (status == "won")
    await shop.payments()  # makes the sandbox check its own entries


async def test_an_inquiry_moves_no_money_before_it_is_a_dispute(shop: Shop) -> None:
    inquiry = await disputed(shop, "pm_card_createDisputeInquiry")
    assert (inquiry.status, moved(inquiry), inquiry.is_charge_refundable) == (
        "warning_needs_response",
        [],
        True,
    )

    escalated = await answered(shop, inquiry, "escalate_inquiry_evidence")

    assert (escalated.status, moved(escalated)) == ("needs_response", [(-5000, FEE, "dispute")])


async def test_an_inquiry_that_is_answered_well_is_closed(shop: Shop) -> None:
    inquiry = await disputed(shop, "pm_card_createDisputeInquiry")

    closed = await answered(shop, inquiry, "winning_evidence")

    assert (closed.status, moved(closed)) == ("warning_closed", [])


async def test_evidence_may_be_kept_before_it_is_handed_in(shop: Shop) -> None:
    dispute = await disputed(shop)
    kept = {"evidence": {"product_description": "A cruise"}, "submit": False}

    drafted = await shop.stripe.v1.disputes.update_async(dispute.id, kept)

    assert (drafted.status, drafted.evidence.product_description) == ("needs_response", "A cruise")
    assert drafted.evidence_details.has_evidence is True


async def test_what_is_accepted_is_lost_and_takes_no_evidence_any_more(shop: Shop) -> None:
    dispute = await disputed(shop)

    assert (await shop.stripe.v1.disputes.close_async(dispute.id)).status == "lost"

    for late in (
        shop.stripe.v1.disputes.close_async(dispute.id),
        shop.stripe.v1.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": "late"}}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await late
        assert refused.value.http_status == 400


async def test_evidence_that_stripe_does_not_know_is_refused(shop: Shop) -> None:
    dispute = await disputed(shop)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.stripe.v1.disputes.update_async(dispute.id, {"evidence": {"alibi": "watertight"}})

    assert refused.value.code == "parameter_unknown"


async def test_a_bank_may_be_played(shop: Shop) -> None:
    paid = await shop.paid()
    made = await shop.control("POST", f"/payments/{paid.id}/dispute", reason="duplicate")

    await shop.control("POST", f"/disputes/{made['id']}/decide", won=True)

    dispute = await shop.stripe.v1.disputes.retrieve_async(made["id"])
    assert (dispute.status, dispute.reason) == ("won", "duplicate")
    lines = (await shop.stripe.v1.balance_transactions.list_async({"type": "adjustment"})).data
    assert [line.reporting_category for line in lines] == ["dispute_reversal", "dispute"]
    assert sum(line.net for line in lines) == 0


async def test_a_line_of_the_statement_names_its_dispute(shop: Shop) -> None:
    dispute = await disputed(shop)

    wanted = {"source": dispute.id, "expand": ["data.source"]}
    [line] = (await shop.stripe.v1.balance_transactions.list_async(wanted)).data

    assert (line.source.object, line.source.id) == ("dispute", dispute.id)
