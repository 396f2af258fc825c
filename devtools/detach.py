"""`./dev up --detach`: the same `up` in the background, its words shown here until it is ready."""

import subprocess
import sys
import time

from devtools import record
from devtools.paths import LOGS, ROOT
from devtools.process import keep_small
from devtools.say import Trouble, say

POLL_SECONDS = 0.05


def up_detached(*, demo: bool) -> None:
    """Start the stack in the background and return once it is ready; Trouble when it does not come up."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "dev.log"
    keep_small(log)
    with log.open("ab") as out, log.open("rb") as told:
        told.seek(0, 2)
        command = [sys.executable, str(ROOT / "dev"), "up", "--from-detach", *([] if demo else ["--no-demo"])]
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, start_new_session=True
        )
        while child.poll() is None and not _is_ready(child.pid):
            _hand_on(told.read())
            time.sleep(POLL_SECONDS)
        _hand_on(told.read())
    if child.poll() is not None:
        raise Trouble("`./dev up` gave up; the reason is above.")
    say("\nReady, in the background: `./dev status` looks at it, `./dev down` stops it.")


def _is_ready(pid: int) -> bool:
    noted = record.read()
    supervisor = noted.supervisor()
    return noted.ready and supervisor is not None and supervisor.pid == pid


def _hand_on(words: bytes) -> None:
    sys.stdout.write(words.decode(errors="replace"))
    sys.stdout.flush()
