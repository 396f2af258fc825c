"""A booking that waits for its payment at a provider, with the relay's reader of the inbox and the steps of
whoever is told: what the tables of each provider's events run on, over real rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import pytest
import structlog
from structlog.testing import LogCapture
from structlog.typing import EventDict
from temporalio.testing import ActivityEnvironment

from activities.payment import PaymentActivities
from activities.relay.inbox import Inbox
from api import middleware
from db.booking import confirm, end
from db.booking.read import Booking, find
from db.payment import attempt
from domain.aftercare import LateMoney
from domain.booking import ConfirmBooking
from domain.ids import BookingId, PaymentId
from domain.payment import AskPayment, Checkout, CreatePayment, StartPayment
from providers.gateway import Accounts, Gateway
from tests.api.conftest import Door
from tests.support.shop import keep
from tests.support.told import Told

GRACE = timedelta(minutes=2)
NOBODY, RUN, AFTERCARE, DISPUTE = "nobody", "the run", "the aftercare", "the dispute's run"
STANDS = """
select b.status as booking, p.status as payment,
       (select array_agg(distinct t.status) from tickets t where t.booking_id = b.id) as tickets,
       (select array_agg(n.kind order by n.created_at, n.kind) from notices n
         where n.booking_id = b.id and n.kind <> 'booking_confirmed') as mails
  from bookings b join payments p on p.booking_id = b.id
"""

Ends = tuple[str, list[str]]  # the booking's state, and those of its tickets
WAITS: Ends = ("awaiting_payment", [])
KEEPS: Ends = ("confirmed", ["active"])
GONE: Ends = ("refunded", ["refunded"])


async def waiting(door: Door) -> Booking:
    """Book a place, and keep it for a payment."""
    booked = await door.book()
    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        booking = await find(connection, door.shop.tenant_id, BookingId(booked.id))
    await keep(door.databases.app, booking)
    return booking


@dataclass
class Desk:
    """A payment over one provider, and all that hears of it."""

    door: Door
    booking: Booking
    payment_id: PaymentId
    told: Told
    inbox: Inbox
    steps: PaymentActivities

    @classmethod
    async def opened(
        cls, door: Door, booking: Booking, payment_id: PaymentId, gateway: Gateway, ref: str
    ) -> Self:
        """Write down that a checkout of this reference was opened at the provider."""
        wish = StartPayment(
            payment_id=payment_id,
            provider=gateway.provider,
            account=gateway.account,
            amount=booking.due,
            return_url="",
        )
        ids = {"tenant_id": booking.tenant_id, "booking_id": booking.id, "reference": booking.reference}
        page = Checkout(payment_id=payment_id, provider=gateway.provider, payment_url="https://pay.example")
        async with door.databases.payment.tenant(booking.tenant_id) as connection:
            await attempt.create(connection, CreatePayment(**ids, wish=wish))
            await attempt.opened(connection, booking.tenant_id, ref, page)
        told, accounts = Told(), Accounts(gateway)
        inbox = Inbox(door.databases.relay, accounts, told, live=False, grace=GRACE)
        steps = PaymentActivities(door.databases.payment, accounts, told)
        return cls(door, booking, payment_id, told, inbox, steps)

    @property
    def ids(self) -> dict[str, Any]:
        return {"tenant_id": self.booking.tenant_id, "booking_id": self.booking.id}

    async def read(self) -> str:
        """Have the relay read the inbox; gives who was told of it."""
        before = self._heard()
        await self.inbox.tell_facts()
        return next((who for who, count in self._heard().items() if count > before[who]), NOBODY)

    async def write(self) -> None:
        """Write down what is known now, as whoever is told does."""
        await ActivityEnvironment().run(
            self.steps.check_payment, AskPayment(**self.ids, payment_id=self.payment_id)
        )
        async with self.door.databases.app.tenant(self.booking.tenant_id) as connection:
            await end.record_refund(connection, LateMoney(**self.ids, payment_id=self.payment_id))

    async def confirm(self) -> None:
        """Give the booking its tickets."""
        async with self.door.databases.app.tenant(self.booking.tenant_id) as connection:
            await confirm.confirm(connection, ConfirmBooking(**self.ids))

    async def stands(self) -> tuple[str, str, Sequence[str], Sequence[str]]:
        """Give the states of booking, payment and tickets, and the mails that are owed."""
        row = await self.door.judge.fetchrow(STANDS)
        assert row
        return row["booking"], row["payment"], row["tickets"] or [], row["mails"] or []

    def _heard(self) -> dict[str, int]:
        told = self.told
        return {RUN: len(told.runs), AFTERCARE: len(told.aftercares), DISPUTE: len(told.disputes)}


def logged(monkeypatch: pytest.MonkeyPatch) -> list[EventDict]:
    """Give what the door logs from now on, as it grows."""
    lines = LogCapture()
    at_info = structlog.make_filtering_bound_logger("info")  # other tests' set-up is quieter
    log = structlog.wrap_logger(None, [structlog.contextvars.merge_contextvars, lines], wrapper_class=at_info)
    monkeypatch.setattr(middleware, "log", log)
    return lines.entries
