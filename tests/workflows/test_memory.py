"""A worker gives memory back to the system where its C library would keep it."""

import asyncio

import worker


class Glibc:
    """A C library that counts, from other threads, how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.again = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def malloc_trim(self, padding: int) -> int:
        self.asked.append(padding)
        if len(self.asked) > 1:
            self._loop.call_soon_threadsafe(self.again.set)
        return 1


async def test_memory_that_nobody_uses_is_given_back_again_and_again() -> None:
    library = Glibc()

    async with worker.beside(worker.trimming(library, every_seconds=0)):
        await asyncio.wait_for(library.again.wait(), timeout=60)

    assert set(library.asked) == {0}


async def test_a_library_that_cannot_give_memory_back_is_not_asked() -> None:
    await asyncio.wait_for(worker.trimming(object(), every_seconds=0), timeout=60)
