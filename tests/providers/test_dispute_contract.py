"""What is promised of every provider's disputes: where they stand, what they moved, evidence once."""

import pytest

from domain.dispute import DisputeFact, DisputeState, Evidence
from domain.money import Money
from providers.dispute import Disputes
from providers.gateway import NotFound, Refused, StateConflict
from tests.providers.conftest import Desk, MakeOrder, desks, key_of

TOTAL = Money(minor=59_999, currency="USD")
EVIDENCE = Evidence(text="They sailed with us.", product="Harbour cruise")


# At one evidence is words, at another documents that are handed in at its desk.
TAKES_WORDS = pytest.mark.parametrize("desk", ["stripe", "paypal"], indirect=True)
desk = desks("stripe", "paypal", "adyen")


def disputes_of(desk: Desk) -> Disputes:
    disputes = desk.gateway.disputes
    assert disputes is not None
    return disputes


async def disputed(desk: Desk, order: MakeOrder, *, inquiry: bool = False) -> tuple[str, str]:
    """Have a payment paid, and wanted back; gives the dispute's reference and the charge's."""
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened)
    payment = (await desk.account.payments())[-1]
    await desk.account.control(f"payments/{payment['id']}/dispute", inquiry=inquiry)
    told = [event for each in await desk.told() for event in desk.gateway.parse(each.raw)]
    [(dispute, charge)] = {(event.dispute, event.disputed) for event in told if event.disputed}
    assert dispute is not None
    assert charge is not None
    return dispute, charge


async def decided(desk: Desk, reference: str, *, won: bool) -> None:
    """Have the bank decide, and its provider tell; some references of ours have more than the provider's."""
    await desk.account.decide_dispute(reference.rpartition("/")[2], won=won)
    await desk.told()


def taken(fact: DisputeFact) -> int:
    return -sum(moved.amount.minor for moved in fact.funds)


async def test_a_dispute_says_what_is_wanted_and_what_was_taken(desk: Desk, order: MakeOrder) -> None:
    reference, charge = await disputed(desk, order)

    fact = await disputes_of(desk).fetch(reference)

    assert (fact.reference, fact.charge, fact.state) == (reference, charge, DisputeState.OPEN)
    assert (fact.amount, taken(fact)) == (TOTAL, TOTAL.minor)
    assert fact.reason
    assert len({moved.reference for moved in fact.funds}) == len(fact.funds)


async def test_an_inquiry_takes_nothing(desk: Desk, order: MakeOrder) -> None:
    reference, _ = await disputed(desk, order, inquiry=True)

    fact = await disputes_of(desk).fetch(reference)

    assert (fact.state, fact.funds) == (DisputeState.WARNING, ())


@TAKES_WORDS
async def test_evidence_is_handed_in_once(desk: Desk, order: MakeOrder) -> None:
    reference, _ = await disputed(desk, order)

    fact = await disputes_of(desk).submit(reference, EVIDENCE, op_key="evidence:1")

    assert (fact.state, fact.answered) == (DisputeState.EVIDENCE_SUBMITTED, True)
    with pytest.raises(StateConflict):
        await disputes_of(desk).submit(reference, EVIDENCE, op_key="evidence:2")
    await decided(desk, reference, won=False)
    assert (await disputes_of(desk).fetch(reference)).answered


@pytest.mark.parametrize("desk", ["stripe"], indirect=True)
async def test_evidence_that_is_not_taken_leaves_the_dispute_to_be_answered(
    desk: Desk, order: MakeOrder
) -> None:
    reference, _ = await disputed(desk, order)
    too_long = EVIDENCE.model_copy(update={"product": "Harbour cruise. " * 2_000})

    with pytest.raises(Refused):
        await disputes_of(desk).submit(reference, too_long, op_key="evidence:1")

    assert (await disputes_of(desk).fetch(reference)).state is DisputeState.OPEN
    handed = await disputes_of(desk).submit(reference, EVIDENCE, op_key="evidence:2")
    assert handed.state is DisputeState.EVIDENCE_SUBMITTED


@TAKES_WORDS
async def test_evidence_that_comes_too_late_is_not_taken(desk: Desk, order: MakeOrder) -> None:
    reference, _ = await disputed(desk, order)
    await decided(desk, reference, won=False)

    with pytest.raises(StateConflict):
        await disputes_of(desk).submit(reference, EVIDENCE, op_key="evidence:1")
    assert not (await disputes_of(desk).fetch(reference)).answered


@pytest.mark.parametrize("won", [True, False])
async def test_the_bank_decides_and_what_is_won_comes_back(desk: Desk, order: MakeOrder, won: bool) -> None:
    reference, _ = await disputed(desk, order)

    await decided(desk, reference, won=won)

    fact = await disputes_of(desk).fetch(reference)
    assert fact.state is (DisputeState.WON if won else DisputeState.LOST)
    assert taken(fact) == (0 if won else TOTAL.minor)


async def test_what_is_accepted_is_lost_however_often(desk: Desk, order: MakeOrder) -> None:
    reference, _ = await disputed(desk, order)

    for n in range(2):
        fact = await disputes_of(desk).accept(reference, op_key=f"accept:{n}")
        assert fact.state is DisputeState.LOST


async def test_what_was_won_cannot_be_accepted(desk: Desk, order: MakeOrder) -> None:
    reference, _ = await disputed(desk, order)
    await decided(desk, reference, won=True)

    with pytest.raises(StateConflict):
        await disputes_of(desk).accept(reference, op_key="accept:1")


async def test_a_dispute_that_nobody_knows_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await disputes_of(desk).fetch("du_never_there")
