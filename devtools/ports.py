"""Ports on loopback: is one free, give me a free one, give me this one or the next."""

import socket

LOOPBACK = "127.0.0.1"


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
    """Answer a port that was free a moment ago, chosen by the system."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def free_from(port: int, taken: set[int]) -> int:
    """Answer `port`, or the next one after it that is free and not in `taken`."""
    return next(
        candidate for candidate in range(port, 65_536) if candidate not in taken and is_free(candidate)
    )
