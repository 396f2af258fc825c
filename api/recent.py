"""What was just read from the database, for a moment: many who ask at once cause one look."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers what `read` gave for a key, for `seconds` and for `most` keys at most; failures never."""

    def __init__(self, read: Callable[[K], Awaitable[V]], *, seconds: float, most: int = 1_000) -> None:
        self._read, self._seconds, self._most = read, seconds, most
        self._known: dict[K, tuple[float, asyncio.Future[V]]] = {}

    async def get(self, key: K) -> V:
        """Give what `read` says, or said a moment ago; raises what it raises."""
        known = self._known.get(key)
        if known is None or known[0] < monotonic():
            known = self._known[key] = (monotonic() + self._seconds, asyncio.ensure_future(self._read(key)))
            known[1].add_done_callback(lambda done: self._forget_failure(key, done))
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
        if known[1].done():
            return known[1].result()
        # Who asked first may go away; the others still wait for the same look.
        return await asyncio.shield(known[1])

    def _forget_failure(self, key: K, done: "asyncio.Future[V]") -> None:
        if (done.cancelled() or done.exception()) and self._known.get(key, (0.0, None))[1] is done:
            del self._known[key]
