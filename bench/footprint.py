"""What one paid booking costs the engine, counted: events and workflow tasks of its run.

Exact, so a test asserts the same.
"""

import asyncio

import aiohttp
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench.buyer import Buyer, slots_with_room
from bench.figure import Figure
from bench.stack import Stack, fresh
from workflows import names
from workflows.codec import converter

BOOKINGS = 5


def measure() -> list[Figure]:
    """Count on a fresh stack."""
    with fresh() as stack:
        counted = asyncio.run(count(stack))
    events, tasks = zip(*counted, strict=True)
    return [
        Figure("events", max(events), "events", "≤ 34", events),
        Figure("workflow_tasks", max(tasks), "tasks", "≤ 6", tasks),
    ]


async def count(stack: Stack) -> list[tuple[int, int]]:
    """Buy a few times, one after the other, and count (events, workflow tasks) of each run."""
    client = await Client.connect(
        stack.settings["TEMPORAL_ADDRESS"], data_converter=converter(stack.settings.get("PAYLOAD_KEYS", ""))
    )
    counted = []
    async with aiohttp.ClientSession() as session:
        buyer = Buyer(stack, session, *await slots_with_room(stack, 1))
        for _ in range(BOOKINGS):
            handle = client.get_workflow_handle(names.booking(await buyer.buy()))  # type: ignore[arg-type]
            await handle.result()
            events = (await handle.fetch_history()).events
            done = [
                event for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
            ]
            counted.append((len(events), len(done)))
    return counted
