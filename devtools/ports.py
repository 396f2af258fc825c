"""Ports on loopback: is one free, give me a free one, give me this one or the next.

A free port is nobody's until a server listens on it, and again when that server has died; so processes tell
each other by claims what they have chosen.
"""

import fcntl
import os
import secrets
import socket

from devtools.paths import cache

LOOPBACK = "127.0.0.1"
# Below what systems give to outgoing connections: Linux from 32768, macOS from 49152.
OWN_RANGE = (20_000, 32_000)
_claims: dict[int, int] = {}  # ports of this process, and the locked file of each


def is_free(port: int) -> bool:
    """Answer whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not answers(port)  # on macOS one may bind beside somebody who listens on all addresses


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Answer whether somebody accepts connections on `port`."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def any_free() -> int:
    """Answer a port that was free a moment ago, by chance; no system gives it to an outgoing connection, and
    this process has claimed it, so a server that is begun again still finds it free.
    """
    while (port := _drawn()) in _claims or not (is_free(port) and claim(port)):
        pass
    return port


def _drawn() -> int:
    return OWN_RANGE[0] + secrets.randbelow(OWN_RANGE[1] - OWN_RANGE[0])


def claim(port: int) -> bool:
    """Claim a port among this user's stacks until this process ends; False when another has claimed it."""
    if port in _claims:
        return True
    folder = cache() / "ports"
    folder.mkdir(exist_ok=True)
    locked = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(locked)
        return False
    _claims[port] = locked
    return True


def free_from(port: int, taken: set[int]) -> int:
    """Answer `port`, or the next one after it that is free and not in `taken`; it is claimed."""
    return next(
        candidate
        for candidate in range(port, 65_536)
        if candidate not in taken and is_free(candidate) and claim(candidate)
    )
