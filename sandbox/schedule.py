"""What happens later by itself: checkouts that end, refunds that arrive, holds that lapse."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from sandbox.account import Account
from sandbox.work import Work, World

log = logging.getLogger("sandbox.schedule")

Job = Callable[[Work, str], None]


class Schedule:
    """Does each job once when its account's clock has come to it."""

    def __init__(self, world: World, jobs: Mapping[str, Job]) -> None:
        self.world, self.jobs = world, jobs
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look again for what is due."""
        self._wake.set()

    def run_due(self) -> int:
        """Do everything that is due by now, in order of time, and return how many jobs that were."""
        done = 0
        while True:
            row = self.world.store.db.execute(
                "SELECT seq, account, kind, ref, due FROM jobs WHERE due <= ? ORDER BY due, seq LIMIT 1",
                (self.world.clock.wall(),),
            ).fetchone()
            if row is None:
                return done
            self._run(self.world.owner(row["account"]), row["seq"], row["kind"], row["ref"], row["due"])
            done += 1

    def _run(self, account: Account, seq: int, kind: str, ref: str, due: float) -> None:
        try:
            with self.world.work(account, at=due + account.offset) as work:
                self.jobs[kind](work, ref)
                work.store.db.execute("DELETE FROM jobs WHERE seq = ?", (seq,))
        except (
            Exception
        ) as defect:  # one broken job must not stop the others; it stays visible in /_sandbox/health
            log.exception("job %s of %s failed", kind, ref)
            self.world.store.db.execute(
                "UPDATE jobs SET due = NULL, note = ? WHERE seq = ?", (repr(defect), seq)
            )

    def stuck(self) -> list[str]:
        """Return the jobs that failed, in words; anything here is a defect of the sandbox."""
        rows = self.world.store.db.execute("SELECT kind, ref, note FROM jobs WHERE due IS NULL ORDER BY seq")
        return [f"{row['kind']} {row['ref']}: {row['note']}" for row in rows]

    async def run(self) -> None:
        """Do jobs as they fall due, until cancelled."""
        while True:
            self._wake.clear()
            self.run_due()
            row = self.world.store.db.execute("SELECT MIN(due) FROM jobs WHERE due IS NOT NULL").fetchone()
            wait = None if row[0] is None else max(0.0, row[0] - self.world.clock.wall())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
