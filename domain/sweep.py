"""The sweep: what a provider has not told us is asked for, and what nobody looks after is begun anew."""

from datetime import datetime, timedelta
from itertools import pairwise

from domain.value import Value

# Something open is looked at at these ages, in intervals of the sweep (1, 5 and 30 minutes, 2 hours), and
# then daily.
AGES = (1, 5, 30, 120)
DAILY = 24 * 60
# How far back the first sweep looks: so long providers repeat what nobody took (Stripe).
HORIZON = timedelta(days=3)
# Looked at twice, for a provider's clock is not ours, and what it lists may come a little late.
OVERLAP = timedelta(minutes=5)


class SweepRequest(Value):
    """What the sweep of an account is started with, each `every`; of what the provider lists it reads at most
    `most`, and the next one goes on there.
    """

    provider: str
    account: str
    every: timedelta = timedelta(minutes=1)
    most: int = 1_000


class ListMissed(Value):
    """Ask what an account at a provider has told since an instant, whether or not it reached us, at most
    `most` of it; `until` is when it was asked first, `onward` the provider's word for the page that comes
    next (none: the newest).
    """

    provider: str
    account: str
    since: datetime
    until: datetime
    most: int = 1_000
    onward: str = ""


class Swept(Value):
    """What a sweep came to: up to when the provider's own list was read (none: it did not answer, or is
    longer than one sweep reads, which leaves the rest to the next), how many of its events were news, how
    many open payments were asked about, and for how many things that are overdue it saw to a run.
    """

    until: datetime | None = None
    left: ListMissed | None = None
    missed: int = 0
    asked: int = 0
    begun: int = 0


def gaps(every: timedelta) -> list[timedelta]:
    """Give how long something open rests after each look, the last one for ever; `every` is the sweep's
    interval.
    """
    return [*(every * (later - earlier) for earlier, later in pairwise(AGES)), every * DAILY]
