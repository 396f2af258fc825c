"""What must hold once a story has come to rest, read from the model world's rows and the provider's books."""

from collections.abc import Iterator

from domain.booking import ENDED, BookingStatus
from domain.inventory import HoldStatus
from tests.simulation.engine import Run
from tests.simulation.fault import Fault, Faults
from tests.simulation.provider import AtProvider, State
from tests.simulation.sdk import Instance
from tests.simulation.world.inventory import CLAIMS
from tests.simulation.world.rows import Booking
from tests.simulation.world.world import World

# With one of these, money that came may rightly go back.
SPOILERS = {
    Fault.CANCELLED,
    Fault.CANCELLED_BY_HAND,
    Fault.OFF_SALE,
    Fault.ELSEWHERE,
    Fault.OTHER_AMOUNT,
    Fault.PROVIDER_REFUSES,
}


def wrong_with_run(run: Run) -> Iterator[str]:
    """Say what is wrong with a run: it is open, it failed, or its history does not replay."""
    if run.closed is None:
        yield f"{run.id} is still open"
    elif run.closed.failure not in (None, "forgotten"):
        yield f"{run.id} failed: {run.closed.failure}"
    if difference := Instance(run.kind, run.id, run.begun).replay(run.history):
        yield f"{run.id} does not replay: {difference}"


def wrong_in_world(world: World, faults: Faults) -> Iterator[str]:
    """Say what is held, charged, valid or told that should not be."""
    if world.inventory.taken > world.capacity:
        yield "oversold"
    for booking in world.bookings.values():
        checkouts = [each for each in world.provider.checkouts.values() if world.is_of(each, booking)]
        yield from _wrong_with_money(booking, checkouts)
        yield from _wrong_with_places(booking)
        if not SPOILERS & faults.struck.keys() and _must_be_confirmed(world, booking, checkouts):
            yield f"{_name(booking)}, though it was paid and there was room"
    for (_, kind, version), notice in world.notices.items():
        if notice.sent > 1 or notice.result is None:
            yield f"mail {kind} {version} was sent {notice.sent} times and is {notice.result}"


def _wrong_with_money(booking: Booking, checkouts: list[AtProvider]) -> Iterator[str]:
    confirmed = booking.status is BookingStatus.CONFIRMED
    kept = sum(checkout.kept for checkout in checkouts)
    if kept != (booking.due.minor if confirmed else 0):
        yield f"{_name(booking)}, and we keep {kept} for it"
    for checkout in checkouts:
        if checkout.state in (State.OPEN, State.AUTHORIZED):
            yield f"{_name(booking)}, and {checkout.ref} is {checkout.state}"


def _wrong_with_places(booking: Booking) -> Iterator[str]:
    confirmed = booking.status is BookingStatus.CONFIRMED
    if booking.status not in ENDED and not confirmed:
        yield f"{_name(booking)}: no end"
    claims = [hold.status for hold in booking.holds if hold.status in CLAIMS]
    if claims != ([HoldStatus.PURCHASED] if confirmed else []):
        yield f"{_name(booking)}, and holds {claims}"
    if booking.confirmations > 1 or bool(booking.tickets) is not confirmed:
        yield f"{_name(booking)}, confirmed {booking.confirmations} times, with {booking.tickets} tickets"


def _must_be_confirmed(world: World, booking: Booking, checkouts: list[AtProvider]) -> bool:
    """Say whether it was paid, there was room for all, and nobody else had a say."""
    paid = sum(checkout.charged for checkout in checkouts) >= booking.due.minor
    room = len(world.bookings) <= world.capacity
    alone = booking.request.partner_within is None and not booking.reviewed
    return paid and room and alone and booking.status is not BookingStatus.CONFIRMED


def _name(booking: Booking) -> str:
    return f"{booking.request.reference} is {booking.status}"
