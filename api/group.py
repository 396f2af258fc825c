"""Does in groups what is asked for one by one: while one group is under way, the next one gathers.

A commit waits for the disk whatever it holds, so what comes together shares one
([decision 0016](../docs/decisions/0016-what-comes-together-is-written-together.md)). Where little is asked
nothing waits, and who is alone is written as if there were no groups.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Generic, NamedTuple, TypeVar

from db.session import may_have_happened

A = TypeVar("A")
T = TypeVar("T")

# More than this is not written before whoever asked has given up.
MOST_WAITING = 2_000


class Asked(NamedTuple, Generic[A, T]):
    """What somebody asks for, and where he waits for what became of it."""

    what: A
    told: "asyncio.Future[T | None]"


class Groups(Generic[A, T]):
    """Has `together` do groups of at most `largest`, and `alone` what is alone or was left out.

    `together` gives one answer for each, in their order; nothing for what has to be done alone. Where it
    fails and has done nothing, all are done alone, at the same time, so that what cannot be done takes no
    other along. What is of one `lane` shares groups; lanes do not wait for each other.
    """

    def __init__(
        self,
        together: Callable[[Sequence[A]], Awaitable[Sequence[T | None]]],
        alone: Callable[[A], Awaitable[T]],
        *,
        largest: int,
        patience: float = 5,
    ) -> None:
        self._together, self._alone, self._largest, self._patience = together, alone, largest, patience
        self._waiting: dict[object, list[Asked[A, T]]] = {}
        self._at_work: set[asyncio.Task[None]] = set()

    async def ask(self, what: A, *, lane: object = None) -> T:
        """Have something done, and give what became of it; raises what went wrong.

        TimeoutError when too much waits already, or nothing was heard within `patience` seconds: then nobody
        knows. Whoever gives up stops no group, and what he asked for is not begun any more.
        """
        asked = Asked[A, T](what, asyncio.get_running_loop().create_future())
        if (waiting := self._waiting.get(lane)) is None:
            waiting = self._waiting[lane] = []
            work = asyncio.create_task(self._work(lane), context=Context())
            self._at_work.add(work)
            work.add_done_callback(self._at_work.discard)
        elif len(waiting) >= MOST_WAITING:
            raise TimeoutError("too much waits to be written")
        waiting.append(asked)
        patience = asyncio.get_running_loop().call_later(self._patience, _give_up, asked.told)
        try:
            told = await asked.told
        finally:
            patience.cancel()
        return await self._alone(what) if told is None else told

    async def _work(self, lane: object) -> None:
        """Do one group of a lane after the other, as long as somebody waits."""
        waiting = self._waiting[lane]
        while waiting:
            group = [asked for asked in waiting[: self._largest] if not asked.told.done()]
            del waiting[: self._largest]
            await self._do(group)
        del self._waiting[lane]  # nothing was awaited since the look: who asks now opens the lane anew

    async def _do(self, group: Sequence[Asked[A, T]]) -> None:
        told: Sequence[T | None] = [None] * len(group)
        try:
            if len(group) == 1:
                told = [await self._alone(group[0].what)]
            elif group:
                told = await self._together([asked.what for asked in group])
        except Exception as error:  # noqa: BLE001 - whoever waits hears of it
            if len(group) == 1 or may_have_happened(error):
                _tell(group, error)
                return
        for asked, each in zip(group, told, strict=True):
            if not asked.told.done():
                asked.told.set_result(each)


def _give_up(told: "asyncio.Future[Any]") -> None:
    if not told.done():
        told.set_exception(TimeoutError("nothing was heard in time"))


def _tell(group: Sequence[Asked[A, T]], error: Exception) -> None:
    for asked in group:
        if not asked.told.done():
            asked.told.set_exception(error)
