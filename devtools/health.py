"""How one asks a running process whether it is well, without being its parent."""

import urllib.request
from urllib.parse import urlsplit

from devtools import ports
from devtools.record import Entry


def is_well(health: str) -> bool:
    """Answer whether an address answers: http by status 200, tcp by taking a connection; none is well."""
    if not health:
        return True
    if health.startswith("tcp://"):
        where = urlsplit(health)
        return ports.answers(where.port or 0, where.hostname or ports.LOOPBACK)
    try:
        with urllib.request.urlopen(health, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def healthy(entry: Entry) -> bool:
    """Answer whether a process of `up` still runs and is well; of a server we were given only the latter."""
    return (entry.pid == 0 or entry.lives()) and is_well(entry.health)
