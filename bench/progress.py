"""How far something long has come, told while it goes on."""

import sys
import time


class Progress:
    """Tells on stderr, for each tenth of `number` that is done, when it was.

    `what` is done to them, such as `opened`.
    """

    def __init__(self, what: str, number: int) -> None:
        self.what, self.number = what, number
        self.tenths = 0

    def reached(self, done: int) -> None:
        """Tell that so many are done, if it is a tenth more than was told."""
        tenths = done * 10 // self.number
        if tenths > self.tenths:
            self.tenths = tenths
            at = time.strftime("%H:%M:%S")
            print(f"  {at}  {done:,} of {self.number:,} {self.what}", file=sys.stderr, flush=True)
