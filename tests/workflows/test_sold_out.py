"""More buyers than places."""

from domain.booking import BookingStatus
from tests.support.check import events_of, violations
from tests.support.stack import Stack


async def test_the_door_sells_no_place_twice(stack: Stack) -> None:
    shop = await stack.shop(capacity=2)
    await stack.book(shop, quantity=2)

    answer = await stack.ask_to_book(shop)

    assert (answer.status_code, answer.json()["code"]) == (409, "sold_out")
    assert await violations(stack) == []


async def test_a_run_that_finds_no_place_rejects_its_booking(idle_stack: Stack) -> None:
    """A booking that came another way than the door holds nothing yet; its run takes places if it can."""
    stack = idle_stack
    shop = await stack.shop(capacity=1)
    unheld = await stack.book(shop)
    await stack.judge.execute("delete from holds where booking_id = $1", unheld.id)
    await stack.judge.execute("update counters set held = 0 where id = $1", shop.slot.id)
    await stack.judge.execute("update bookings set status = 'initiated' where id = $1", unheld.id)
    await stack.book(shop)

    async with stack.working():
        outcome = await stack.closed(unheld.workflow)

    assert (outcome["status"], outcome["cause"]) == (BookingStatus.REJECTED, "sold_out")
    assert (await events_of(stack, unheld))[-1] == "booking.failed"
    assert await violations(stack) == []
