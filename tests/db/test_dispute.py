"""Disputes written down: a dispute and its case begin together and end together."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from db import case, dispute as disputes
from db.booking.place import place
from domain.case import CaseKind
from domain.dispute import DisputeFact, DisputeReport, DisputeRequest, DisputeState
from domain.ids import DisputeId
from domain.money import Money
from tests.support.database import Databases
from tests.support.shop import open_shop, pay


class Disputed:
    """A payment that its payer's bank wants back."""

    def __init__(self, databases: Databases, ask: DisputeRequest, amount: Money) -> None:
        self.databases, self.ask, self.amount = databases, ask, amount

    async def hear(self, state: DisputeState, *, dies: bool = False) -> DisputeReport:
        """Write what the provider says of it; `dies` before that is committed."""
        fact = DisputeFact(
            reference="dp_1", charge="ch_1", state=state, amount=self.amount, reason="fraudulent"
        )
        async with self.databases.payment.tenant(self.ask.tenant_id) as connection:
            report = await disputes.record(connection, self.ask, fact)
            if dies:
                raise ConnectionError("ordered by the test")
        return report

    async def stands(self) -> tuple[DisputeState, bool]:
        """Give where it stands, and whether its case is open."""
        tenant_id, dispute_id = self.ask.tenant_id, self.ask.dispute_id
        async with self.databases.app.tenant(tenant_id) as connection:
            found = await disputes.find(connection, tenant_id, dispute_id)
            opened = await case.open_of(connection, tenant_id, dispute_id, CaseKind.DISPUTE)
        return found.state, opened is not None


@pytest.fixture
async def disputed(databases: Databases) -> Disputed:
    """Give a payment that was taken."""
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    names: dict[str, Any] = {"provider": "stripe", "account": "default", "provider_ref": "dp_1"}
    ask = DisputeRequest(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=await pay(databases.payment, booking),
        dispute_id=DisputeId(uuid7()),
        reference=booking.reference,
        **names,
    )
    return Disputed(databases, ask, booking.due)


@pytest.mark.parametrize("end", [DisputeState.WON, DisputeState.LOST, DisputeState.CLOSED])
async def test_a_dispute_and_its_case_end_together(disputed: Disputed, end: DisputeState) -> None:
    await disputed.hear(DisputeState.OPEN)
    assert await disputed.stands() == (DisputeState.OPEN, True)

    with pytest.raises(ConnectionError):
        await disputed.hear(end, dies=True)
    assert await disputed.stands() == (DisputeState.OPEN, True)

    first, again = [await disputed.hear(end) for _ in range(2)]

    assert first == again
    assert await disputed.stands() == (end, False)


async def test_a_dispute_that_a_bank_takes_up_again_is_a_case_again(disputed: Disputed) -> None:
    for state in (DisputeState.OPEN, DisputeState.WON, DisputeState.OPEN):
        await disputed.hear(state)

    assert await disputed.stands() == (DisputeState.OPEN, True)


async def test_a_dispute_that_had_ended_when_it_was_heard_of_leaves_no_case_open(disputed: Disputed) -> None:
    await disputed.hear(DisputeState.LOST)

    assert await disputed.stands() == (DisputeState.LOST, False)
