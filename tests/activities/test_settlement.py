"""What news of a payment becomes, cell by cell: read from the inbox, written down, and judged over real rows.

The table of `domain/settlement.py` is written here once more, as it was asked for. What a run does while the
places are held is told by `tests/simulation/test_settlement.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product

import pytest
from uuid_utils.compat import uuid7

from activities.relay.inbox import Inbox
from db import webhook
from db.booking import confirm as pivot, end
from db.booking.place import place
from db.booking.read import Booking, find
from db.inventory import hold as holds
from db.payment import fold, read as payments
from db.refund import intent, outcome, run
from domain.aftercare import LateMoney, Settled, Settlement
from domain.booking import BookingStatus, ConfirmBooking, EndBooking, EndReason
from domain.ids import PaymentId, RefundId
from domain.inventory import HoldPlaces
from domain.money import Money
from domain.payment import FactKind, PaymentFact, PaymentReport, PaymentStatus
from domain.refund import RefundPayment, RefundStatus
from domain.refusal import PaymentNotCompleted
from domain.settlement import Consequence, News, Standing
from providers.gateway import Accounts, WebhookEvent
from tests.support.database import Databases
from tests.support.dummy import Dummy
from tests.support.shop import fact_of, keep, open_shop, pay
from tests.support.told import Told
from workflows.payment import Payments

N, S, C = News, Standing, Consequence

# By where the booking stands: held, purchased, lost, cancelled.
GRID: dict[News, tuple[Consequence, Consequence, Consequence, Consequence]] = {
    N.SUCCESS: (C.CONFIRM, C.NOTHING, C.RETAKE, C.REFUND),
    N.REPEATED: (C.NOTHING, C.NOTHING, C.NOTHING, C.NOTHING),
    N.SECOND: (C.REFUND, C.REFUND, C.REFUND, C.REFUND),
    N.DECLINED: (C.COUNT, C.NOTHING, C.NOTHING, C.NOTHING),
    N.PENDING: (C.WAIT, C.NOTHING, C.NOTHING, C.NOTHING),
    N.REVERSED: (C.ASK_A_PERSON, C.ASK_A_PERSON, C.ASK_A_PERSON, C.ASK_A_PERSON),
    N.CONFLICTED: (C.ASK_A_PERSON, C.REFUND, C.REFUND, C.REFUND),
    N.LAPSED: (C.RELEASE, C.NOTHING, C.NOTHING, C.NOTHING),
    N.GIVEN_BACK: (C.CANCEL, C.CANCEL, C.RECORD, C.RECORD),
    N.PARTLY_GIVEN_BACK: (C.RECORD, C.RECORD, C.RECORD, C.RECORD),
    N.REFUND_RETURNED: (C.OWE, C.OWE, C.OWE, C.OWE),
}
CELLS = [
    pytest.param(news, standing, GRID[news][column], id=f"{news.value}-{standing.value}")
    for news, (column, standing) in product(News, enumerate(Standing))
]

# What is news of a payment that is open, or was taken by the charge `ch_1`.
OF_AN_OPEN_ONE = {
    N.SUCCESS: FactKind.CAPTURED,
    N.DECLINED: FactKind.DECLINED,
    N.PENDING: FactKind.PROCESSING,
    N.CONFLICTED: FactKind.CAPTURED,
    N.LAPSED: FactKind.EXPIRED,
}
OF_A_TAKEN_ONE = {
    N.REPEATED: (FactKind.AUTHORIZED, "ch_1"),
    N.SECOND: (FactKind.CAPTURED, "ch_2"),
    N.REVERSED: (FactKind.FAILED, "ch_1"),
    N.GIVEN_BACK: (FactKind.REFUNDED, "re_1"),
    N.PARTLY_GIVEN_BACK: (FactKind.REFUNDED, "re_1"),
    N.REFUND_RETURNED: (FactKind.REFUND_FAILED, "re_1"),
}
TAKEN = "ch_1"
LIVE = "select count(*) from tickets where booking_id = $1 and status = 'active'"


class Telling(Dummy):
    """A provider whose deliveries are our own facts."""

    provider = "stripe"

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:
        fact = PaymentFact.model_validate_json(raw)
        event = WebhookEvent(
            event_id=fact.event_id, kind=fact.kind, occurred_at=fact.occurred_at, live=False, facts=(fact,)
        )
        return [event]


@dataclass
class Scene:
    """A booking that stands somewhere, a payment of it, and the fact that is news of it."""

    databases: Databases
    booking: Booking
    standing: Standing
    payment_id: PaymentId
    fact: PaymentFact
    told: Told = field(default_factory=Told)

    async def hear(self) -> None:
        """Let the fact arrive, and be read by the relay."""
        raw = self.fact.model_dump_json().encode()
        delivery = webhook.Delivery(
            "stripe", "default", self.fact.event_id, self.fact.kind, self.fact.occurred_at, raw
        )
        async with self.databases.app.across() as connection:
            await webhook.store(connection, [delivery])
        gateways, grace = Accounts(Telling()), timedelta(minutes=2)
        assert (
            await Inbox(self.databases.relay, gateways, self.told, live=False, grace=grace).tell_facts() == 1
        )

    @property
    def heard_by(self) -> str:
        """Who was told: the run, the aftercare or nobody."""
        heard = {"the run": self.told.runs, "the aftercare": self.told.aftercares}
        return next((who for who, facts in heard.items() if facts), "nobody")

    async def write(self) -> PaymentReport:
        """Write it down, as whoever is told does once the provider was asked."""
        tenant_id = self.booking.tenant_id
        async with self.databases.payment.tenant(tenant_id) as connection:
            await fold.record(connection, tenant_id, self.payment_id, [self.fact])
        async with self.databases.app.tenant(tenant_id) as connection:
            await end.record_refund(connection, self.money)
            return await payments.report(connection, tenant_id, self.booking.id, self.payment_id)

    async def settle(self) -> Settled:
        """Judge it as late money."""
        async with self.databases.app.tenant(self.booking.tenant_id) as connection:
            return await pivot.settle_late_money(connection, self.money)

    async def confirm(self) -> bool:
        """Say whether the booking has what is due, and is confirmed."""
        ask = ConfirmBooking(tenant_id=self.booking.tenant_id, booking_id=self.booking.id)
        try:
            async with self.databases.app.tenant(self.booking.tenant_id) as connection:
                await pivot.confirm(connection, ask)
        except PaymentNotCompleted:
            return False
        return True

    async def stands(self) -> tuple[BookingStatus, int]:
        """Give the booking's state and its tickets, without those that are void."""
        async with self.databases.app.tenant(self.booking.tenant_id) as connection:
            found = await find(connection, self.booking.tenant_id, self.booking.id)
            return found.status, await connection.fetchval(LIVE, self.booking.id)

    async def cases(self) -> list[str]:
        """List why a person has to look at the payment."""
        async with self.databases.app.tenant(self.booking.tenant_id) as connection:
            rows = await connection.fetch("select cause from cases where subject = $1", self.payment_id)
            return [row["cause"] for row in rows]

    @property
    def money(self) -> LateMoney:
        """How its aftercare asks about it."""
        return LateMoney(
            tenant_id=self.booking.tenant_id, booking_id=self.booking.id, payment_id=self.payment_id
        )


# --- what each consequence is, to be seen from outside


async def nothing(scene: Scene) -> None:
    before = await scene.stands()

    await scene.hear()

    assert (scene.heard_by, await scene.cases()) == ("nobody", [])
    if scene.fact.kind is FactKind.CAPTURED:  # the payment that has paid is no surplus at the end of the run
        known = Payments()
        known.note(await scene.write())
        assert known.surplus(scene.booking.total.minor) == []
    assert await scene.stands() == before


async def confirmed(scene: Scene) -> None:
    await scene.hear()
    report = await scene.write()

    assert scene.heard_by == "the run"
    assert report.booking_secured_minor == scene.booking.due.minor
    assert await scene.confirm()
    assert await scene.stands() == (BookingStatus.CONFIRMED, 1)


async def retaken(scene: Scene) -> None:
    await scene.hear()
    await scene.write()

    assert scene.heard_by == "the aftercare"
    assert await scene.settle() == Settled(settlement=Settlement.CONFIRMED)
    assert await scene.stands() == (BookingStatus.CONFIRMED, 1)


async def given_back(scene: Scene) -> None:
    """Told where there is something to tell of; while the places are held it goes back with the end."""
    held, tickets = scene.standing is S.HELD, int(scene.standing is S.PURCHASED)
    await scene.hear()
    report = await scene.write()

    assert scene.heard_by == ("the run" if held else "the aftercare")
    assert report.kept_minor > 0
    if held:
        assert not await scene.confirm()
    else:
        settled = await scene.settle()
        assert settled.settlement is Settlement.REFUND
        assert settled.cause in pivot.CAUSES.values()
    assert (await scene.stands())[1] == tickets


async def counted(scene: Scene) -> None:
    await scene.hear()

    assert scene.heard_by == "the run"
    assert (await scene.write()).booking_declines == 1


async def released(scene: Scene) -> None:
    await scene.hear()

    assert scene.heard_by == "the run"
    assert (await scene.write()).status is PaymentStatus.EXPIRED
    assert not await scene.confirm()


async def cancelled(scene: Scene) -> None:
    await scene.hear()
    report = await scene.write()

    assert scene.heard_by == ("the run" if scene.standing is S.HELD else "the aftercare")
    assert report.booking_secured_minor == 0
    assert (await scene.stands())[1] == 0
    if scene.standing is S.HELD:
        assert not await scene.confirm()
    else:
        assert await scene.stands() == (BookingStatus.REFUNDED, 0)


async def recorded(scene: Scene) -> None:
    before = await scene.stands()
    await scene.hear()
    report = await scene.write()

    assert scene.fact.amount
    assert scene.heard_by == ("the run" if scene.standing is S.HELD else "the aftercare")
    assert (report.refunds, report.refunded_minor) == (1, scene.fact.amount.minor)
    assert await scene.stands() == before


async def owed(scene: Scene) -> None:
    await scene.hear()
    report = await scene.write()

    assert scene.heard_by == ("the run" if scene.standing is S.HELD else "the aftercare")
    assert (report.refunds_failed, report.kept_minor) == (1, scene.booking.due.minor)
    async with scene.databases.relay.across() as connection:
        leased = await run.lease(connection, limit=5, lease=timedelta(seconds=10))
    assert [each.payment_id for each in leased] == [scene.payment_id]


async def given_to_a_person(scene: Scene) -> None:
    before = await scene.stands()
    if scene.fact.kind is FactKind.FAILED:
        await scene.hear()
        assert scene.heard_by == "nobody"
        assert await scene.cases() == ["reversed"]
    else:
        await scene.write()  # nobody told of it: the provider was asked
        assert await scene.cases() == ["conflicted"]
        assert not await scene.confirm()
    assert await scene.stands() == before


SEEN: dict[Consequence, Callable[[Scene], Awaitable[None]]] = {
    C.CONFIRM: confirmed,
    C.RETAKE: retaken,
    C.REFUND: given_back,
    C.COUNT: counted,
    C.WAIT: nothing,  # whether to wait is asked when the time is over
    C.RELEASE: released,
    C.CANCEL: cancelled,
    C.RECORD: recorded,
    C.OWE: owed,
    C.ASK_A_PERSON: given_to_a_person,
    C.NOTHING: nothing,
}


@pytest.mark.row("INV-19")
@pytest.mark.parametrize(("news", "standing", "becomes"), CELLS)
async def test_each_news_becomes_what_the_table_says_wherever_the_booking_stands(
    databases: Databases, news: News, standing: Standing, becomes: Consequence
) -> None:
    await SEEN[becomes](await staged(databases, news, standing))


async def staged(databases: Databases, news: News, standing: Standing) -> Scene:
    """Bring a booking to where it stands, and its payment to where the news is news."""
    booking, paid_by = await standing_there(databases, standing)
    if (news, standing) == (N.SUCCESS, S.PURCHASED):
        payment_id, kind, operation = paid_by, FactKind.CAPTURED, TAKEN
    elif news in OF_AN_OPEN_ONE or (news, standing) == (N.SECOND, S.PURCHASED):
        payment_id = await pay(databases.payment, booking, kind=FactKind.PENDING)
        kind, operation = OF_AN_OPEN_ONE.get(news, FactKind.CAPTURED), "op_1"
    else:
        payment_id = paid_by or await pay(databases.payment, booking, operation=TAKEN)
        kind, operation = OF_A_TAKEN_ONE[news]
    assert payment_id
    minor = {N.CONFLICTED: booking.due.minor - 1, N.PARTLY_GIVEN_BACK: 100}.get(news)
    if news is N.REFUND_RETURNED:
        await give_back(databases, booking, payment_id)
    fact = fact_of(booking, payment_id, kind, minor=minor, operation=operation)
    return Scene(databases, booking, standing, payment_id, fact)


async def standing_there(databases: Databases, standing: Standing) -> tuple[Booking, PaymentId | None]:
    """Give a booking that stands there, and the payment that has paid for it, if one has."""
    shop = await open_shop(databases.app)
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    ids = {"tenant_id": booking.tenant_id, "booking_id": booking.id}
    paid_by = await pay(databases.payment, booking, operation=TAKEN) if standing is S.PURCHASED else None
    async with databases.app.tenant(booking.tenant_id) as connection:
        if standing is S.PURCHASED:
            await pivot.confirm(connection, ConfirmBooking(**ids))
        elif standing is not S.HELD:
            await holds.release_places(connection, HoldPlaces(**ids))
            reason = EndReason.EXPIRED if standing is S.LOST else EndReason.CANCELLED
            await end.end_booking(connection, EndBooking(**ids, reason=reason))
    return booking, paid_by


async def give_back(databases: Databases, booking: Booking, payment_id: PaymentId) -> None:
    """Give all of a payment back, by a refund of ours that the provider says has arrived."""
    ask = RefundPayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=Money(minor=booking.due.minor, currency=booking.due.currency),
        cause="goodwill",
    )
    async with databases.payment.tenant(booking.tenant_id) as connection:
        refund = await intent.ask(connection, ask)
        await run.told(connection, [refund.request(booking.tenant_id)])
        status = RefundStatus.COMPLETED
        await outcome.answered(connection, booking.tenant_id, refund.id, provider_ref="re_1", status=status)
