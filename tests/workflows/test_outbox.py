"""What happened and the word of it are one transaction; who was not told before a crash is told after it."""

import json
from typing import Any

import httpx2
import pytest

from api.app import create_app
from db import event
from db.event import Told
from domain.event import BOOKING_CONFIRMED
from tests.support.server import address, free_socket, serving
from tests.support.stack import Booked, Stack, bearer
from tests.support.wait import eventually

WHOLE = ["booking.created", "booking.initiated", "inventory.reserved", "booking.confirmed"]


@pytest.mark.row("WHK-14")
async def test_what_is_undone_was_never_told(idle_stack: Stack) -> None:
    shop = await idle_stack.shop()
    booking = await idle_stack.book(shop)
    confirm = "update bookings set status = 'confirmed' where tenant_id = $1 and id = $2"

    async def dies() -> None:
        async with idle_stack.databases.app.tenant(shop.tenant_id) as connection:
            await connection.execute(confirm, shop.tenant_id, booking.id)
            await event.append(connection, shop.tenant_id, Told(booking.id, BOOKING_CONFIRMED, {}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await dies()

    assert (await idle_stack.read(booking))["status"] == "held"
    assert await idle_stack.value("select count(*) from events where type = $1", BOOKING_CONFIRMED) == 0


@pytest.mark.row("WHK-14")
async def test_what_was_committed_before_a_crash_is_told_afterwards_once(idle_stack: Stack) -> None:
    """The step dies when it has committed; it is tried again by another worker. The door that was asked dies
    too: another one goes on where the listener was.
    """
    stack = idle_stack
    stack.faults.fail("confirm_booking", times=1, afterwards=True)
    booking = await stack.book(await stack.shop(minor=0))
    async with stack.working():
        await stack.wait_for(booking, "confirmed")
        await eventually(stack.sandbox.mailbox, what="the confirmation")
        await stack.sandbox.drain()

    listening = free_socket()
    async with (
        serving(create_app(stack.settings), listening),
        httpx2.AsyncClient(base_url=address(listening)) as other,
    ):
        whole = await told(stack.http, booking)
        rest = await told(other, booking, after=1)

    assert stack.faults.tried["confirm_booking"] == 2
    assert [(each["n"], each["type"]) for each in whole] == list(enumerate(WHOLE, 1))
    assert rest == whole[1:]
    assert len(await stack.sandbox.mailbox()) == 1


async def told(http: httpx2.AsyncClient, booking: Booked, *, after: int = 0) -> list[dict[str, Any]]:
    """Follow a booking that is at rest to its end, from behind its `after`-th event."""
    headers = {**bearer(booking.token), "Last-Event-ID": str(after)}
    answer = await http.get(f"/api/v1/bookings/{booking.id}/events", headers=headers)
    data = (line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: "))
    return [json.loads(text) for text in data]
