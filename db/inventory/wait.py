"""Places kept while a booking waits: the hold its run begins with, and how long it lasts."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from db import case, checkout, event, step
from db.inventory.hold import check_on_sale, hold, wanted_by
from db.inventory.standing import where_it_stands
from db.session import Connection, Record
from domain.booking import ENDED, AskJudge, BookingStatus, Judge, Trigger, sources
from domain.case import CaseKind
from domain.catalog import SalesTerms
from domain.checkout import asks_for_more
from domain.event import INVENTORY_RESERVED, PARTNER_ASKED, REVIEW_ASKED
from domain.ids import PaymentId
from domain.inventory import Hold, HoldPlaces, KeepPlaces, Kept, OpenPayment
from domain.money import Money, zero
from domain.refusal import BookingEnded, HoldEnded, InvalidRequest, PriceChanged

HELD = """
update bookings set status = 'held', expires_at = $4 where tenant_id = $1 and id = $2 and status = any($3)
"""

STILL_OF_INTEREST = {"pending", "processing", "requires_action", "authorized", "captured", "conflicted"}

# Keeps the places behind their deadline, or behind now, and moves the booking if its hold is still whole. A
# row says that it was; from then on nobody chooses anew. Answered before: that answer, and nothing is done.
# Only a run asks for it, so that nobody has to begin one any more.
WAIT = """
with answered as (
    select answer from step_answers where tenant_id = $1 and key = $7
),
latest as (
    select count(*) as claims from holds
     where tenant_id = $1 and booking_id = $2
       and n = (select max(n) from holds where tenant_id = $1 and booking_id = $2)
),
kept as (
    update holds
       set kept_until = case when expires_at is not null
                             then greatest(kept_until, case when $4 then now() else expires_at end + $3) end
     where tenant_id = $1 and booking_id = $2 and status = 'active' and ($4 or expires_at > now())
       and not exists (select from answered)
    returning coalesce(kept_until, now() + $3) as kept_until
),
whole as (
    select min(kept_until) as kept_until
      from kept having count(*) > 0 and count(*) = (select claims from latest)
),
waiting as (
    update bookings b set status = $5, saga_started_at = coalesce(b.saga_started_at, now())
      from whole
     where b.tenant_id = $1 and b.id = $2 and b.status = any($6)
    returning b.due_minor, b.total_minor, b.currency, b.terms, whole.kept_until
)
select waiting.*, answered.answer, now() as at from waiting full join answered on false
"""

# A statement sees what was there when it began: a hold that it waited for and that is gone by then may have a
# successor that only the next one sees.
LOOKS = 3


class Waiting(NamedTuple):
    """The state a booking waits in, and those it may come from."""

    state: BookingStatus
    sources: list[str]


FOR_PAYMENT = Waiting(BookingStatus.AWAITING_PAYMENT, sources(Trigger.CHECKOUT_OPENED))
# Paid is passed through.
FOR_JUDGE = {
    Judge.REVIEWER: Waiting(BookingStatus.PAYMENT_REVIEW, sources(Trigger.REVIEW_ASKED)),
    Judge.PARTNER: Waiting(
        BookingStatus.AWAITING_PARTNER,
        [
            *sources(Trigger.PARTNER_ASKED),
            *sources(Trigger.PAYMENT_VERIFIED),
            *sources(Trigger.REVIEW_ACCEPTED),
        ],
    ),
}

CASES = {Judge.REVIEWER: CaseKind.REVIEW, Judge.PARTNER: CaseKind.PARTNER}

ASKED = {Judge.REVIEWER: REVIEW_ASKED, Judge.PARTNER: PARTNER_ASKED}


async def hold_places(connection: Connection, request: HoldPlaces) -> Hold:
    """Adopt the hold that the door took, or take one for a booking that came another way.

    A repeat answers the same hold with what is left of its time: nothing, when it is over and a run that is
    lost has left payments to be looked after. A booking that is paid or confirmed holds its places for good
    and owes nothing. Refuses Unknown, SoldOut, SalesClosed, HoldEnded (the undo gives back what is left of
    it) and BookingEnded.
    """
    standing = await where_it_stands(connection, request.tenant_id, request.booking_id)
    return _adopted(standing) or await _take(connection, request, standing)


async def adopted_hold(connection: Connection, request: HoldPlaces) -> Hold | None:
    """Adopt the hold that there is, as `hold_places` does; nothing where one has to be taken."""
    return _adopted(await where_it_stands(connection, request.tenant_id, request.booking_id))


def _adopted(standing: Record) -> Hold | None:
    status = BookingStatus(standing["status"])
    if status in ENDED or status in (BookingStatus.CANCELLING, BookingStatus.REFUNDING):
        raise BookingEnded("This booking has ended.", status=status.value)
    if status in (BookingStatus.PAID, BookingStatus.CONFIRMED):
        nothing = zero(standing["currency"])
        return Hold(left=None, expires_at=standing["expires_at"], due=nothing, total=nothing)
    if not standing["rows"]:
        return None
    hold = _hold(standing, standing["expires_at"])
    over = standing["active"] < standing["rows"] or _passed(standing["kept_until"], standing["at"])
    if over and not hold.open_payments:
        raise HoldEnded("The time to pay is over.", ended_at=_told(standing["expires_at"]))
    return hold


async def keep_places(connection: Connection, request: KeepPlaces) -> Kept:
    """Keep the places a grace behind the deadline (with `again`, behind now); the booking awaits payment.

    A repeat for the same payment answers the same instant. Refuses Unknown, HoldEnded, BookingEnded,
    PriceChanged when something else is due than the payment was reckoned from, and InvalidRequest when a
    passenger or consent is missing.
    """
    key = f"keep_places:{request.payment_id}:{request.again}"
    longer = request.grace + (request.settles_within or timedelta(0))
    kept = await _wait(connection, request, key, longer, FOR_PAYMENT, from_now=request.again > 0)
    if kept["answer"] is not None:
        return _first(kept)
    due = Money(minor=kept["due_minor"], currency=kept["currency"])
    if request.due not in (None, due):
        raise PriceChanged("Something else was chosen meanwhile.", due=due.model_dump())
    if not request.again:
        await _refuse_incomplete(connection, request, SalesTerms.model_validate(kept["terms"]))
    answer = Kept(
        left=kept["kept_until"] - kept["at"],
        kept_until=kept["kept_until"],
        due=due,
        total=Money(minor=kept["total_minor"], currency=kept["currency"]),
    )
    return await step.keep_answer(connection, request.tenant_id, key, answer)


async def ask_judge(connection: Connection, request: AskJudge) -> Kept:
    """Let the booking wait for a partner or reviewer, and keep its places until their time is over.

    A repeat answers the same instant. Refuses Unknown, HoldEnded and BookingEnded.
    """
    key = f"ask_judge:{request.booking_id}:{request.judge}"
    keeping, waiting = request.within + request.grace, FOR_JUDGE[request.judge]
    kept = await _wait(connection, request, key, keeping, waiting, from_now=True)
    if kept["answer"] is not None:
        return _first(kept)
    until = kept["at"] + keeping
    asked = event.Told(request.booking_id, ASKED[request.judge], {"until": until.isoformat()})
    await event.append(connection, request.tenant_id, asked)
    await case.open_case(
        connection,
        request.tenant_id,
        CASES[request.judge],
        request.booking_id,
        cause=waiting.state.value,
        booking_id=request.booking_id,
    )
    answer = Kept(left=keeping, kept_until=until)
    return await step.keep_answer(connection, request.tenant_id, key, answer)


async def _take(connection: Connection, request: HoldPlaces, standing: Record) -> Hold:
    await check_on_sale(connection, request.tenant_id, standing["slot_id"])
    expires_at = await hold(
        connection,
        tenant_id=request.tenant_id,
        booking_id=request.booking_id,
        slot_id=standing["slot_id"],
        wanted=await wanted_by(connection, request.tenant_id, request.booking_id),
        seconds=standing["terms"]["hold_seconds"] if standing["due_minor"] else None,
    )
    await connection.execute(
        HELD, request.tenant_id, request.booking_id, sources(Trigger.PLACES_HELD), expires_at
    )
    reserved = event.Told(request.booking_id, INVENTORY_RESERVED, {"slot_id": str(standing["slot_id"])})
    await event.append(connection, request.tenant_id, reserved)
    return _hold(standing, expires_at)


def _hold(standing: Record, expires_at: datetime | None) -> Hold:
    tried = standing["payments"] or ()
    return Hold(
        left=None if expires_at is None else max(timedelta(0), expires_at - standing["at"]),
        expires_at=expires_at,
        due=Money(minor=standing["due_minor"], currency=standing["currency"]),
        total=Money(minor=standing["total_minor"], currency=standing["currency"]),
        declines=sum(row["declines"] for row in tried),
        open_payments=tuple(
            OpenPayment(
                payment_id=PaymentId(UUID(row["id"])),
                amount=Money(minor=row["amount_minor"], currency=row["currency"]),
                provider=row["provider"],
                account=row["account"],
                manual=row["manual"],
                review=row["review"],
                settles_within=_seconds(row["settles_seconds"]),
            )
            for row in tried
            if row["status"] in STILL_OF_INTEREST
        ),
    )


def _first(kept: Record) -> Kept:
    """Read the first answer, with what is left of it."""
    first = Kept.model_validate(kept["answer"])
    return first.model_copy(update={"left": first.kept_until - kept["at"]})


async def _refuse_incomplete(connection: Connection, request: KeepPlaces, terms: SalesTerms) -> None:
    """Refuse InvalidRequest when the terms ask for what is not there; from here on it may not change."""
    if not asks_for_more(terms):
        return
    if lacks := await checkout.missing(connection, request.tenant_id, request.booking_id):
        raise InvalidRequest("Something is missing before it can be paid.", errors=lacks)


async def _wait(
    connection: Connection,
    request: KeepPlaces | AskJudge,
    key: str,
    longer: timedelta,
    waiting: Waiting,
    *,
    from_now: bool,
) -> Record:
    """Keep the hold that is active now: who chose anew while we waited has put another in its place. Or find
    the answer that was kept under the key before.

    Refuses Unknown, BookingEnded and HoldEnded.
    """
    for _ in range(LOOKS):
        if kept := await connection.fetchrow(
            WAIT,
            request.tenant_id,
            request.booking_id,
            longer,
            from_now,
            waiting.state.value,
            waiting.sources,
            key,
        ):
            return kept
    standing = await where_it_stands(connection, request.tenant_id, request.booking_id)
    if standing["status"] not in waiting.sources:
        raise BookingEnded("This booking has ended.", status=standing["status"])
    why = "The places were taken back." if from_now else "The time to pay is over."
    raise HoldEnded(why, ended_at=_told(standing["expires_at"]))


def _seconds(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _passed(instant: datetime | None, at: datetime) -> bool:
    return instant is not None and instant < at


def _told(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
