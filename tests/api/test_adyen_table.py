"""What each of Adyen's codes does to payment, booking, tickets and mails (WHK-05): taken at the door, read by
the relay, written down as whoever is told does it, over real rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
import structlog
from structlog.testing import LogCapture
from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from activities.payment import PaymentActivities
from activities.relay.inbox import Inbox
from api import webhook as route
from db import webhook
from db.booking import confirm, end
from db.booking.read import Booking, find
from db.payment import attempt
from domain.aftercare import LateMoney
from domain.booking import ConfirmBooking
from domain.ids import BookingId, PaymentId
from domain.payment import AskPayment, Checkout, CreatePayment, StartPayment
from providers.adyen_gateway.gateway import AdyenGateway
from providers.gateway import Accounts
from tests.api.conftest import Door
from tests.api.test_adyen_webhook import deliver
from tests.providers.adyen_item import envelope, item, signed
from tests.support.shop import keep
from tests.support.told import Told

PAID, GRACE = "PSPOFTHEPAYMENT", timedelta(minutes=2)
NOBODY, RUN, AFTERCARE, DISPUTE = "nobody", "the run", "the aftercare", "the dispute's run"
STANDS = """
select b.status as booking, p.status as payment,
       (select array_agg(distinct t.status) from tickets t where t.booking_id = b.id) as tickets,
       (select array_agg(n.kind order by n.created_at, n.kind) from notices n
         where n.booking_id = b.id and n.kind <> 'booking_confirmed') as mails
  from bookings b join payments p on p.booking_id = b.id
"""


@dataclass
class Desk:
    """A payment over Adyen, and all that hears of it."""

    door: Door
    booking: Booking
    payment_id: PaymentId
    told: Told
    inbox: Inbox
    steps: PaymentActivities

    @property
    def ids(self) -> dict[str, Any]:
        return {"tenant_id": self.booking.tenant_id, "booking_id": self.booking.id}

    async def hear(self, code: str, *, success: bool = True, held: bool = False, psp: str = "PSP") -> str:
        """Have Adyen tell something, and the relay read it; gives who was told of it."""
        settings, about = self.door.settings, f"{self.payment_id}:hold" if held else str(self.payment_id)
        names = {"merchantReference": about, "merchantAccountCode": settings.adyen_merchant_account}
        more = names if psp != PAID else {**names, "originalReference": ""}
        told = signed(item(code, success=success, pspReference=psp, **more), settings.adyen_hmac_key)
        answer = await deliver(self.door, envelope(told))
        assert (answer.status_code, answer.text) == (200, "[accepted]")
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


@pytest.fixture
async def desk(door: Door) -> Desk:
    """Open a checkout over Adyen, for a booking that waits for its payment."""
    booked = await door.book()
    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        booking = await find(connection, door.shop.tenant_id, BookingId(booked.id))
    await keep(door.databases.app, booking)
    wish = StartPayment(
        payment_id=PaymentId(uuid7()), provider="adyen", account="default", amount=booking.due, return_url=""
    )
    ids = {"tenant_id": booking.tenant_id, "booking_id": booking.id, "reference": booking.reference}
    async with door.databases.payment.tenant(booking.tenant_id) as connection:
        await attempt.create(connection, CreatePayment(**ids, wish=wish))
        page = Checkout(payment_id=wish.payment_id, provider="adyen", payment_url="https://pay.example")
        await attempt.opened(connection, booking.tenant_id, str(wish.payment_id), page)
    told, accounts = Told(), Accounts(adyen(door))
    inbox = Inbox(door.databases.relay, accounts, told, live=False, grace=GRACE)
    steps = PaymentActivities(door.databases.payment, accounts, told)
    return Desk(door, booking, wish.payment_id, told, inbox, steps)


def adyen(door: Door) -> AdyenGateway:
    """Make the adapter over what the door has stored; nobody answers its calls."""
    return AdyenGateway(
        account="default",
        merchant=door.settings.adyen_merchant_account,
        api_key="nobody's",
        keys=[door.settings.adyen_hmac_key],
        memory=webhook.Told(door.databases.payment, "adyen", "default"),
        api="http://127.0.0.1:1",
    )


OPEN, HELD, CONFIRMED = "open", "held", "confirmed"
Ends = tuple[str, list[str]]  # the booking's state, and those of its tickets
WAITS: Ends = ("awaiting_payment", [])
KEEPS: Ends = ("confirmed", ["active"])
GONE: Ends = ("refunded", ["refunded"])


class Row(NamedTuple):
    """Where the payment is, the code and whether it succeeded; then who is told, and how all of it stands."""

    where: str
    code: str
    success: bool
    heard: str
    ends: Ends
    payment: str
    mails: list[str]


TABLE = [
    Row(OPEN, "AUTHORISATION", True, RUN, WAITS, "captured", []),
    Row(OPEN, "AUTHORISATION", False, RUN, WAITS, "pending", ["payment_declined"]),
    Row(HELD, "CAPTURE", True, RUN, WAITS, "captured", []),
    Row(HELD, "CAPTURE", False, NOBODY, WAITS, "authorized", []),
    Row(HELD, "CANCELLATION", True, RUN, WAITS, "cancelled", []),
    Row(HELD, "CANCELLATION", False, NOBODY, WAITS, "authorized", []),
    Row(HELD, "TECHNICAL_CANCEL", True, RUN, WAITS, "cancelled", []),
    Row(HELD, "TECHNICAL_CANCEL", False, NOBODY, WAITS, "authorized", []),
    Row(HELD, "EXPIRE", True, RUN, WAITS, "cancelled", []),
    Row(CONFIRMED, "CAPTURE_FAILED", True, AFTERCARE, GONE, "captured", ["payment_refunded"]),
    Row(CONFIRMED, "CAPTURE_FAILED", False, NOBODY, KEEPS, "captured", []),
    Row(CONFIRMED, "REFUND", True, AFTERCARE, GONE, "captured", ["payment_refunded"]),
    Row(CONFIRMED, "REFUND", False, AFTERCARE, KEEPS, "captured", []),
    Row(CONFIRMED, "REFUND_FAILED", True, AFTERCARE, KEEPS, "captured", []),
    Row(CONFIRMED, "CHARGEBACK", True, DISPUTE, KEEPS, "captured", []),
    Row(CONFIRMED, "NOTIFICATION_OF_CHARGEBACK", True, DISPUTE, KEEPS, "captured", []),
    Row(CONFIRMED, "OFFER_CLOSED", True, NOBODY, KEEPS, "captured", []),
    Row(CONFIRMED, "A_KIND_OF_TOMORROW", True, NOBODY, KEEPS, "captured", []),
    Row(CONFIRMED, "A_KIND_OF_TOMORROW", False, NOBODY, KEEPS, "captured", []),
]


@pytest.mark.row("WHK-05")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.code}-{row.success}")
async def test_a_code_does_what_the_table_says(desk: Desk, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    held = row.where == HELD
    if row.where != OPEN:
        await desk.hear("AUTHORISATION", held=held, psp=PAID)
        await desk.write()
    if row.where == CONFIRMED:
        await desk.confirm()
    lines = LogCapture()
    at_info = structlog.make_filtering_bound_logger("info")  # other tests' set-up is quieter
    monkeypatch.setattr(route, "log", structlog.wrap_logger(None, [lines], wrapper_class=at_info))

    heard = await desk.hear(row.code, success=row.success, held=held)
    await desk.write()

    assert heard == row.heard
    assert await desk.stands() == (row.ends[0], row.payment, row.ends[1], row.mails)
    (taken,) = [line for line in lines.entries if line["event"] == "webhook taken"]
    assert (taken["provider"], taken["kind"]) == ("adyen", row.code)
    assert bool(taken["why"]) is (row.heard == NOBODY)
