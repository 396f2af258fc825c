"""A booking that costs nothing."""

from tests.support.check import events_of, violations
from tests.support.stack import Stack
from tests.support.temporal import kinds, steps_done


async def test_a_free_booking_is_confirmed_at_once_and_has_no_deadline(stack: Stack) -> None:
    booking = await stack.book(await stack.shop(minor=0))

    seen = await stack.wait_for(booking, "confirmed")

    assert (booking.answer["expires_at"], len(seen["tickets"])) == (None, 1)
    await stack.closed(booking.workflow)
    history = await stack.run_of(booking).fetch_history()
    assert steps_done(history) == ["hold_places", "confirm_booking"]
    assert "TIMER_STARTED" not in kinds(history)
    assert "payment.processed" not in await events_of(stack, booking)
    assert await violations(stack) == []
