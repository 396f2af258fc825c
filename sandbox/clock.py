"""Time as the sandbox sees it: the wall clock plus an offset of each account.

Every account has a clock of its own, so that one test can jump a week ahead and not disturb its neighbours.
"""

import time


class Clock:
    """Tells wall time; accounts add their own offset."""

    def wall(self) -> float:
        """Return the seconds since 1970 of this machine's clock."""
        return time.time()
