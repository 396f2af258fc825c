"""PayPal's disputes as we read and answer them: an inquiry between two, a claim that PayPal decides."""

from datetime import date
from typing import Any

import aiohttp
import pytest

from domain.dispute import DisputeFact, DisputeState, Evidence
from domain.money import Money
from providers.dispute import Disputes
from providers.gateway import Order, StateConflict
from providers.paypal_gateway.dispute import PayPalDisputes
from tests.providers.conftest import Delivery, MakeOrder, PayPalDesk, key_of, paypal_desk
from tests.support.sandbox import Account

TAKEN, FEE = Money(minor=-59_999, currency="USD"), Money(minor=2_000, currency="USD")


@pytest.fixture
async def paypal_account(
    account: Account, http: aiohttp.ClientSession, received: tuple[str, list[Delivery]]
) -> PayPalDesk:
    return await paypal_desk(account, http, received)


async def disputed(desk: PayPalDesk, order: Order, **wish: Any) -> tuple[Disputes, str]:
    """Have an order paid and disputed; gives whom to ask, and the dispute's id."""
    opened = await desk.gateway.open_checkout(order, op_key=key_of(order))
    await desk.pay(opened)
    (payment,) = await desk.account.payments()
    made = await desk.account.control(f"payments/{payment['id']}/dispute", **wish)
    assert desk.gateway.disputes is not None
    return desk.gateway.disputes, made["id"]


async def test_a_claim_names_its_payment_and_what_was_taken(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    wished = order()
    disputes, dispute_id = await disputed(paypal_account, wished)

    fact = await disputes.fetch(dispute_id)

    (capture,) = {
        each.operation
        for each in await paypal_account.gateway.fetch(
            wished.payment_id, (await paypal_account.account.checkouts())[0]["id"]
        )
    }
    assert (fact.state, fact.charge, fact.payment_id) == (DisputeState.OPEN, capture, wished.payment_id)
    assert (fact.amount, fact.reason) == (wished.amount, "UNAUTHORISED")
    assert [(each.amount, each.fee) for each in fact.funds] == [(TAKEN, FEE)]
    assert fact.evidence_due is not None


async def test_evidence_that_is_long_goes_in_several_notes_and_what_is_won_comes_back_with_its_fee(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    disputes, dispute_id = await disputed(paypal_account, order())
    evidence = Evidence(text="They were on board. " * 200, product="Cruise", service_on=date(2026, 11, 1))

    handed = await disputes.submit(dispute_id, evidence, op_key="d:evidence:1")
    await paypal_account.account.decide_dispute(dispute_id, won=True)
    won = await disputes.fetch(dispute_id)

    assert (handed.state, won.state) == (DisputeState.EVIDENCE_SUBMITTED, DisputeState.WON)
    assert [(each.amount, each.fee) for each in won.funds] == [(TAKEN, FEE), (-TAKEN, -FEE)]
    (told_last,) = [
        each["resource"]["evidences"]
        for each in await paypal_account.account.told()
        if each["resource"].get("status") == "UNDER_REVIEW"
    ]
    assert len(told_last) == 3
    assert "".join(each["notes"] for each in told_last).startswith("Cruise\n2026-11-01\nThey were")


async def test_an_inquiry_is_a_warning_without_money_until_it_is_escalated(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    disputes, dispute_id = await disputed(paypal_account, order(), inquiry=True)

    asked = await disputes.fetch(dispute_id)
    with pytest.raises(StateConflict):  # nobody asks for evidence yet
        await disputes.submit(dispute_id, Evidence(text="No."), op_key="d:evidence:1")
    await paypal_account.account.control(f"disputes/{dispute_id}/escalate")
    claimed = await disputes.fetch(dispute_id)

    assert (asked.state, asked.funds) == (DisputeState.WARNING, ())
    assert (claimed.state, len(claimed.funds)) == (DisputeState.OPEN, 1)


async def test_every_event_of_a_dispute_names_it_and_its_capture(
    paypal_account: PayPalDesk, order: MakeOrder
) -> None:
    wished = order()
    disputes, dispute_id = await disputed(paypal_account, wished)
    await disputes.accept(dispute_id, op_key="d:accept:1")
    fact = await disputes.fetch(dispute_id)

    told = [event for each in await paypal_account.told() for event in paypal_account.gateway.parse(each.raw)]

    about = [event for event in told if event.dispute]
    assert {event.kind for event in about} == {
        f"CUSTOMER.DISPUTE.{what}" for what in ("CREATED", "UPDATED", "RESOLVED")
    }
    assert {(event.dispute, event.disputed, event.payment_id) for event in about} == {
        (dispute_id, fact.charge, wished.payment_id)
    }


def told(**changed: Any) -> dict[str, Any]:
    """Write a dispute as PayPal shows it."""
    shown: dict[str, Any] = {
        "dispute_id": "PP-D-1",
        "disputed_transactions": [{"seller_transaction_id": "CAPTURE", "custom": "of somebody else"}],
        "reason": "UNAUTHORISED",
        "status": "RESOLVED",
        "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_amount": {"currency_code": "EUR", "value": "10.00"},
    }
    return shown | changed


class Answers:
    """PayPal, answering what it is told to."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    async def ask(self, *_: object, **__: object) -> dict[str, Any]:
        return self.answer


async def read(**changed: Any) -> DisputeFact:
    answers: Any = Answers(told(**changed))
    return await PayPalDisputes(answers).fetch("PP-D-1")


@pytest.mark.parametrize(
    ("outcome", "stage", "state"),
    [
        ("RESOLVED_SELLER_FAVOUR", "CHARGEBACK", DisputeState.WON),
        ("RESOLVED_WITH_PAYOUT", "CHARGEBACK", DisputeState.WON),
        ("CANCELED_BY_BUYER", "CHARGEBACK", DisputeState.WON),
        ("CANCELED_BY_BUYER", "INQUIRY", DisputeState.CLOSED),
        ("RESOLVED_BUYER_FAVOUR", "CHARGEBACK", DisputeState.LOST),
        ("RESOLVED_BUYER_FAVOUR", "INQUIRY", DisputeState.LOST),
        ("ACCEPTED", "CHARGEBACK", DisputeState.LOST),
        ("NONE", "CHARGEBACK", DisputeState.CLOSED),
        ("A_NEW_WORD", "CHARGEBACK", DisputeState.OPEN),
    ],
)
async def test_an_outcome_is_read_and_one_we_do_not_know_is_a_persons(
    outcome: str, stage: str, state: DisputeState
) -> None:
    fact = await read(dispute_outcome={"outcome_code": outcome}, dispute_life_cycle_stage=stage)

    assert (fact.state, fact.payment_id) == (state, None)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("OPEN", DisputeState.OPEN),
        ("WAITING_FOR_SELLER_RESPONSE", DisputeState.OPEN),
        ("WAITING_FOR_BUYER_RESPONSE", DisputeState.EVIDENCE_SUBMITTED),
        ("UNDER_REVIEW", DisputeState.EVIDENCE_SUBMITTED),
        ("OTHER", DisputeState.OPEN),
    ],
)
async def test_whose_turn_it_is_follows_the_status(status: str, state: DisputeState) -> None:
    assert (await read(status=status)).state is state


async def test_a_fee_without_a_settlement_and_what_the_buyer_got_are_told_apart() -> None:
    def movement(party: str, reason: str, at: str, way: str = "DEBIT") -> dict[str, Any]:
        amount = {"currency_code": "EUR", "value": "10.00"}
        return {
            "affected_party": party,
            "reason": reason,
            "initiated_time": at,
            "type": way,
            "amount": amount,
        }

    first, later = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
    fact = await read(
        money_movements=[
            movement("BUYER", "DISPUTE_SETTLEMENT", first, "CREDIT"),
            movement("SELLER", "DISPUTE_SETTLEMENT", first),
            movement("SELLER", "DISPUTE_FEE", later),
        ]
    )

    assert [(each.amount.minor, each.fee.minor) for each in fact.funds] == [(-1_000, 0), (0, 1_000)]
