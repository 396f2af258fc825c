"""PayPal-Request-Id: a repeat is answered with what the first has made, as that stands by then.

What was refused is not remembered, and is tried again.
"""

from sandbox.record import Record
from sandbox.work import Work


def known(work: Work, path: str, key: str, seconds: int) -> tuple[str, str | None]:
    """Return kind and id of what was made under a key within so many `seconds`, None as id for nothing."""
    row = work.store.db.execute(
        "SELECT request, body, created FROM answers WHERE account = ? AND key = ?",
        (work.account.id, f"{path} {key}"),
    ).fetchone()
    if row is None or row["created"] + seconds <= work.now:
        return "", None
    return row["request"], row["body"].decode()


def remember(work: Work, path: str, key: str, made: Record) -> None:
    """Write down what was made under a key."""
    work.store.db.execute(
        "INSERT OR REPLACE INTO answers (account, key, request, status, headers, body, created)"
        " VALUES (?, ?, ?, 201, '{}', ?, ?)",
        (work.account.id, f"{path} {key}", made.kind, made.id.encode(), work.now),
    )
