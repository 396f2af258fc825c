"""What was just read is given again for a moment; a failure never is, and nobody's leaving spoils it."""

import asyncio

import pytest

from api.recent import Recent


class Source:
    """Gives a number per look, when it is let; `fails` so many times first."""

    def __init__(self, fails: int = 0) -> None:
        self.looks = 0
        self.fails = fails
        self.open = asyncio.Event()
        self.open.set()

    async def read(self, key: str) -> str:
        self.looks += 1
        look = self.looks
        await self.open.wait()
        if look <= self.fails:
            raise ConnectionResetError
        return f"{key}{look}"


async def test_many_at_once_cause_one_look() -> None:
    source = Source()
    recent = Recent(source.read, seconds=60)

    found = await asyncio.gather(*(recent.get("a") for _ in range(10)), recent.get("b"))

    assert found == ["a1"] * 10 + ["b2"]


async def test_after_its_time_it_is_read_anew() -> None:
    source = Source()
    recent = Recent(source.read, seconds=-1)

    assert [await recent.get("a"), await recent.get("a")] == ["a1", "a2"]


async def test_a_failure_is_told_to_all_who_waited_and_to_nobody_after() -> None:
    source = Source(fails=1)
    recent = Recent(source.read, seconds=60)

    first = await asyncio.gather(recent.get("a"), recent.get("a"), return_exceptions=True)

    assert [type(each) for each in first] == [ConnectionResetError] * 2
    assert await recent.get("a") == "a2"


async def test_who_asked_first_and_leaves_does_not_spoil_it_for_the_rest() -> None:
    source = Source()
    source.open.clear()
    recent = Recent(source.read, seconds=60)
    leaving, staying = (asyncio.create_task(recent.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    leaving.cancel()
    source.open.set()

    assert await staying == "a1"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    source = Source()
    recent = Recent(source.read, seconds=60, most=2)
    for key in ("a", "b", "c"):
        await recent.get(key)

    assert await recent.get("a") == "a4"
    assert await recent.get("c") == "c3"
