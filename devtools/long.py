"""Commands that take long: progress is shown meanwhile, and of their output only what explains a failure."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from devtools.say import Progress, say

POLL_SECONDS = 0.1
LAST_LINES = 8


def run_long(
    command: Sequence[str | Path],
    doing: str,
    *,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> int:
    """Run a command to its end, or kill it after `seconds`; answers its exit status."""
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            [str(word) for word in command], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        progress, deadline = Progress(), time.monotonic() + (seconds or float("inf"))
        try:
            while child.poll() is None and time.monotonic() < deadline:
                said = os.pread(output.fileno(), 1_000_000, 0)  # moves nothing for the child
                progress.show(f"{doing}, {said.count(10)} steps")
                time.sleep(POLL_SECONDS)
        finally:
            progress.end()
            child.kill()
            status = child.wait()
        output.seek(0)
        lines = output.readlines()
    if status != 0:
        say("".join(f"    {line}" for line in lines[-LAST_LINES:]).rstrip())
    return status
