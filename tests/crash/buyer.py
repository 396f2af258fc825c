"""A client as every client should be: it sends again what was not answered, under the same key, and remembers
what it was told.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx2

PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0  # longer each time: a crowd lets those come up whom it needs
PATIENCE_SECONDS = 900.0  # only a test that fails waits this long
ANSWER_SECONDS = 15.0
KEY = "Idempotency-Key"
SOON = (202, 408, 429)  # asked, and the answer is: later


@dataclass(frozen=True)
class Wish:
    """A request that bore a key, and the answer it had in the end."""

    method: str
    url: str
    options: dict[str, Any]
    answer: httpx2.Response


class Patient(httpx2.AsyncClient):
    """An HTTP client that asks until it is answered with yes or no."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url=base_url, timeout=ANSWER_SECONDS)
        self.wishes: list[Wish] = []

    async def request(self, method: str, url: Any, **options: Any) -> httpx2.Response:
        """Ask, and ask again; AssertionError when there is no answer after all patience."""
        answers: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._asked(method, url, options, answers)
        except TimeoutError:
            counted = Counter(answers).most_common(3)
            raise AssertionError(f"{method} {url} was not answered, but: {counted}") from None
        if KEY in (options.get("headers") or {}):
            self.wishes.append(Wish(method, str(url), options, answer))
        return answer

    async def _asked(
        self, method: str, url: Any, options: dict[str, Any], answers: list[str]
    ) -> httpx2.Response:
        pause = PAUSE_SECONDS
        while True:
            try:
                answer = await super().request(method, url, **options)
            except httpx2.TransportError as error:
                answers.append(repr(error))
            else:
                if answer.status_code < 500 and answer.status_code not in SOON:
                    return answer
                answers.append(f"{answer.status_code} {answer.text}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
