"""Groups: what comes together is done together, and nobody's trouble is another's."""

import asyncio
from collections.abc import Sequence

import pytest

from api import group
from api.group import Groups

LOST = ConnectionResetError("nobody knows whether it was committed")


class Desk:
    """Does what is asked: answers a number with itself. Groups wait until they may begin."""

    def __init__(self, *, largest: int = 10) -> None:
        self.done: list[list[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.may_end = asyncio.Event()
        self.left_out: set[int] = set()
        self.fails: Exception | None = None
        self.poison: set[int] = set()
        self.groups = Groups[int, int](self.together, self.alone, largest=largest)

    async def together(self, numbers: Sequence[int]) -> list[int | None]:
        await self._one_after_the_other()
        if self.fails or self.poison & set(numbers):
            raise self.fails or ValueError(min(self.poison))
        self.done.append(list(numbers))
        return [None if number in self.left_out else number for number in numbers]

    async def alone(self, number: int) -> int:
        await self._one_after_the_other()
        if number in self.poison:
            raise ValueError(number)
        self.done.append([number])
        return number

    async def _one_after_the_other(self) -> None:
        self.begun.release()
        await self.may_end.wait()

    async def asked(self, *numbers: int, lane: object = None) -> "list[asyncio.Task[int]]":
        """Ask for these while the first of them is under way."""
        first = asyncio.create_task(self.groups.ask(numbers[0], lane=lane))
        await self.begun.acquire()
        rest = [asyncio.create_task(self.groups.ask(number, lane=lane)) for number in numbers[1:]]
        await asyncio.sleep(0)  # they have asked
        return [first, *rest]


async def test_what_is_asked_while_one_is_done_is_done_together() -> None:
    desk = Desk(largest=3)
    asked = await desk.asked(1, 2, 3, 4, 5)

    desk.may_end.set()

    assert await asyncio.gather(*asked) == [1, 2, 3, 4, 5]
    assert desk.done == [[1], [2, 3, 4], [5]]


async def test_who_is_left_out_of_his_group_is_done_alone() -> None:
    desk = Desk()
    desk.left_out = {3}
    asked = await desk.asked(1, 2, 3, 4)

    desk.may_end.set()

    assert await asyncio.gather(*asked) == [1, 2, 3, 4]
    assert desk.done == [[1], [2, 3, 4], [3]]


async def test_what_cannot_be_done_takes_nobody_along() -> None:
    desk = Desk()
    desk.poison = {3}
    asked = await desk.asked(1, 2, 3, 4)

    desk.may_end.set()

    told = await asyncio.gather(*asked, return_exceptions=True)
    assert (told[:2], told[3]) == ([1, 2], 4)
    assert isinstance(told[2], ValueError)


async def test_when_the_connection_is_lost_all_of_the_group_hear_of_it() -> None:
    desk = Desk()
    desk.fails = LOST
    asked = await desk.asked(1, 2, 3)

    desk.may_end.set()

    assert await asyncio.gather(*asked, return_exceptions=True) == [1, LOST, LOST]
    assert desk.done == [[1]], "nobody was done again: perhaps all were done"


async def test_who_gives_up_stops_nobody_and_is_not_begun() -> None:
    desk = Desk()
    asked = await desk.asked(1, 2, 3)

    for each in asked[:2]:
        each.cancel()
    desk.may_end.set()

    assert await asked[2] == 3
    assert desk.done == [[1], [3]]


async def test_lanes_do_not_wait_for_each_other() -> None:
    desk = Desk()
    one = await desk.asked(1, 2, lane="one")

    other = await desk.asked(3, lane="other")

    desk.may_end.set()
    assert await asyncio.gather(*one, *other) == [1, 2, 3]


async def test_who_comes_when_too_much_waits_is_told_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "MOST_WAITING", 2)
    desk = Desk()
    asked = await desk.asked(1, 2, 3)

    with pytest.raises(TimeoutError):
        await desk.groups.ask(4)

    desk.may_end.set()
    assert await asyncio.gather(*asked) == [1, 2, 3]


async def test_a_lane_that_was_empty_is_opened_anew() -> None:
    desk = Desk()
    desk.may_end.set()

    assert [await desk.groups.ask(number) for number in (1, 2)] == [1, 2]
