"""Disputes at Adyen: put together from what it told, accepted by the Disputes API."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from domain.dispute import DisputeFact, DisputeState, Evidence
from domain.money import Money
from providers.adyen_gateway import reference
from providers.dispute import Disputes
from providers.gateway import NotFound, Refused, StateConflict
from tests.providers.adyen_item import PAYMENT, envelope, item
from tests.providers.conftest import Delivery, Desk, MakeOrder, Told, adyen_gateway, key_of
from tests.support.sandbox import Account

DISPUTE = f"{PAYMENT}/DISPUTE"
DUE = "2026-12-01T10:00:00+01:00"


def told(code: str, minute: int, **more: Any) -> dict[str, Any]:
    """Write what is told of a dispute of 25.00 EUR, a minute of an hour."""
    when = f"2026-11-21T20:{minute:02d}:00+01:00"
    return item(code, pspReference="DISPUTE", eventDate=when, **more)


def disputes_of(account: Account, items: Sequence[dict[str, Any]]) -> Disputes:
    deliveries = [Delivery(envelope(each), {}) for each in items]
    disputes = adyen_gateway(account, Told(deliveries)).disputes
    assert disputes is not None
    return disputes


@pytest.mark.row("PAY-26", partly="where Adyen's disputes stand; what follows: tests/workflows")
@pytest.mark.parametrize(
    ("codes", "state", "moved"),
    [
        (["REQUEST_FOR_INFORMATION"], DisputeState.WARNING, []),
        (["NOTIFICATION_OF_CHARGEBACK"], DisputeState.OPEN, []),
        (["NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK"], DisputeState.OPEN, [-2_500]),
        (["CHARGEBACK", "INFORMATION_SUPPLIED"], DisputeState.EVIDENCE_SUBMITTED, [-2_500]),
        (["CHARGEBACK", "CHARGEBACK_REVERSED"], DisputeState.EVIDENCE_SUBMITTED, [-2_500, 2_500]),
        (
            ["CHARGEBACK", "CHARGEBACK_REVERSED", "ISSUER_RESPONSE_TIMEFRAME_EXPIRED"],
            DisputeState.WON,
            [-2_500, 2_500],
        ),
        (["CHARGEBACK", "CHARGEBACK_REVERSED", "PREARBITRATION_WON"], DisputeState.WON, [-2_500, 2_500]),
        (
            ["CHARGEBACK", "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK"],
            DisputeState.LOST,
            [-2_500, 2_500, -2_500],
        ),
        (["CHARGEBACK", "PREARBITRATION_OPEN"], DisputeState.OPEN, [-2_500]),
        (["CHARGEBACK", "PREARBITRATION_LOST"], DisputeState.LOST, [-2_500]),
        (["CHARGEBACK", "DISPUTE_DEFENSE_PERIOD_ENDED"], DisputeState.LOST, [-2_500]),
    ],
)
async def test_the_newest_word_says_where_a_dispute_stands_in_whatever_order_they_came(
    account: Account, codes: list[str], state: DisputeState, moved: list[int]
) -> None:
    items = [told(code, minute) for minute, code in enumerate(codes)]

    for order in permutations(items):
        fact = await disputes_of(account, [*order, items[0]]).fetch(DISPUTE)

        assert (fact.state, [each.amount.minor for each in fact.funds]) == (state, moved)
        assert (fact.reference, fact.charge, fact.payment_id) == (DISPUTE, str(PAYMENT), PAYMENT)


async def test_a_dispute_says_why_and_until_when(account: Account) -> None:
    about = {"chargebackReasonCode": "10.4", "defensePeriodEndsAt": DUE}
    later = told("CHARGEBACK", 1, reason="Other Fraud-Card Absent Environment")

    fact = await disputes_of(
        account, [told("NOTIFICATION_OF_CHARGEBACK", 0, additionalData=about), later]
    ).fetch(DISPUTE)
    odd = await disputes_of(
        account, [told("CHARGEBACK", 0, reason="Fraud", additionalData={"defensePeriodEndsAt": "soon"})]
    ).fetch(DISPUTE)

    assert (fact.reason, fact.evidence_due) == ("10.4", datetime(2026, 12, 1, 9, tzinfo=UTC))
    assert fact.amount == Money(minor=2_500, currency="EUR")
    assert (odd.reason, odd.evidence_due) == ("Fraud", None)


async def test_what_was_never_told_and_what_is_no_dispute_of_ours_is_not_found(account: Account) -> None:
    disputes = disputes_of(account, [told("CHARGEBACK", 0), item("CAPTURE", pspReference="CAPTURED")])

    for unknown in (f"{PAYMENT}/ANOTHER", f"{PAYMENT}/CAPTURED", "dashboard-7", ""):
        with pytest.raises(NotFound):
            await disputes.fetch(unknown)


def test_a_reference_of_a_dispute_survives_the_round_trip() -> None:
    assert reference.read_dispute(reference.of_dispute(PAYMENT, "DISPUTE")) == (PAYMENT, "DISPUTE")  # type: ignore[arg-type]


async def disputed(desk: Desk, order: MakeOrder) -> str:
    """Have a payment disputed; gives our reference of the dispute."""
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    await desk.account.charge_back()
    events = [event for each in await desk.told() for event in desk.gateway.parse(each.raw)]
    (found,) = {event.dispute for event in events if event.dispute}
    return found


async def stands(desk: Desk, dispute: str) -> DisputeFact:
    await desk.told()
    assert desk.gateway.disputes is not None
    return await desk.gateway.disputes.fetch(dispute)


async def test_a_dispute_that_is_accepted_is_lost_and_the_money_gone(adyen: Desk, order: MakeOrder) -> None:
    dispute, disputes = await disputed(adyen, order), adyen.gateway.disputes
    assert disputes is not None
    before = await stands(adyen, dispute)

    accepted = await disputes.accept(dispute, op_key="accept:1")

    after = await stands(adyen, dispute)
    assert (before.state, accepted.state, after.state) == (
        DisputeState.OPEN, DisputeState.LOST, DisputeState.LOST,
    )  # fmt: skip
    assert [each.amount.minor for each in after.funds] == [-59_999]
    assert await disputes.accept(dispute, op_key="again") == after


async def test_what_is_decided_for_us_is_not_accepted(adyen: Desk, order: MakeOrder) -> None:
    dispute, disputes = await disputed(adyen, order), adyen.gateway.disputes
    assert disputes is not None
    await stands(adyen, dispute)
    await adyen.account.decide_dispute(dispute.partition("/")[2], won=True)

    with pytest.raises(StateConflict):
        await disputes.accept(dispute, op_key=f"{dispute}:accept:1")

    after = await stands(adyen, dispute)
    assert (after.state, sum(each.amount.minor for each in after.funds)) == (DisputeState.WON, 0)


async def test_words_are_no_evidence_for_adyen(adyen: Desk, order: MakeOrder) -> None:
    dispute, disputes = await disputed(adyen, order), adyen.gateway.disputes
    assert disputes is not None

    with pytest.raises(Refused):
        await disputes.submit(dispute, Evidence(text="They were there."), op_key="1")


async def test_what_the_bank_has_decided_for_the_payer_is_accepted_already(
    adyen: Desk, order: MakeOrder
) -> None:
    dispute, disputes = await disputed(adyen, order), adyen.gateway.disputes
    assert disputes is not None
    await adyen.account.decide_dispute(dispute.partition("/")[2], won=False)
    await stands(adyen, dispute)

    assert (await disputes.accept(dispute, op_key="accept:1")).state is DisputeState.LOST


async def test_two_disputes_of_one_payment_are_two(account: Account) -> None:
    other = item("REQUEST_FOR_INFORMATION", pspReference="ANOTHER", eventDate="2026-11-21T21:00:00+01:00")
    disputes = disputes_of(account, [told("CHARGEBACK", 0), other])

    states = [(await disputes.fetch(f"{PAYMENT}/{psp}")).state for psp in ("DISPUTE", "ANOTHER")]

    assert states == [DisputeState.OPEN, DisputeState.WARNING]
