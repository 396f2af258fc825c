"""What the sagas ask of their engine in the plainest story of each end, written down:

    ./dev test tests/histories/fingerprint.py

writes `fingerprints.json` anew. Not a test by its name, so that only who asks for it runs it.
"""

import json
from datetime import timedelta
from itertools import count
from pathlib import Path

from tests.simulation import sdk
from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.story import Plot, Story

WRITTEN = Path(__file__).parent / "fingerprints.json"
LONG = timedelta(hours=2)

PLOTS = {
    "confirmed": Plot((), Manner.PAYS, 1, 1),
    "confirmed after a decline": Plot((), Manner.DECLINED_ONCE, 1, 1),
    "confirmed by its partner": Plot((), Manner.PAYS, 1, 1, partner_within=LONG),
    "confirmed in two halves": Plot((), Manner.HALVES, 1, 1),
    "decided by the bank": Plot((), Manner.BANK_YES, 1, 1),
    "expired": Plot((), Manner.LEAVES, 1, 1),
    "failed": Plot((), Manner.DECLINED, 1, 1),
    "cancelled": Plot((Fault.CANCELLED,), Manner.LEAVES, 1, 1),
    "paid late": Plot((), Manner.BANK_YES, 1, 1, decides_after=LONG),
    "paid late and off sale": Plot((Fault.OFF_SALE,), Manner.BANK_YES, 1, 1, decides_after=LONG),
    "another amount": Plot((Fault.OTHER_AMOUNT,), Manner.PAYS, 1, 1),
    "a step that outlasts the quick tries": Plot((Fault.DATABASE_AWAY,), Manner.PAYS, 1, 1),
}


def taken(*stories: str) -> dict[str, dict[str, list[str]]]:
    """Tell these stories, or all; gives what each of their runs asked for."""
    return {name: _runs(_told(PLOTS[name])) for name in stories or PLOTS}


def _told(plot: Plot) -> Story:
    """Tell the first story of a plot in which its trouble strikes."""
    stories = (Story(seed, plot).tell() for seed in count())
    return next(story for story in stories if story.faults.struck.keys() >= {*(plot.troubles or ())})


def _runs(story: Story) -> dict[str, list[str]]:
    """List the runs of a story as they began, without the ids in their names."""
    return {
        f"{number} {run.id.partition(':')[0]}": sdk.fingerprint(run.history)
        for number, run in enumerate(story.engine.all, 1)
    }


def test_write() -> None:
    WRITTEN.write_text(json.dumps(taken(), indent=1) + "\n")
