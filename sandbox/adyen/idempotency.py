"""Idempotency keys as Adyen keeps them: per company, the answer to the first request that was processed.

The body is not compared; what was refused, or failed, is not kept, and the same key tries anew.
Source: Adyen, "API idempotency".
"""

import json

from sandbox.account import Account
from sandbox.adyen.error import AdyenError, invalid
from sandbox.answer import Answer
from sandbox.work import World

KEPT_SECONDS = 7 * 24 * 3600
MAX_LENGTH = 64
HEADER = "idempotency-key"


def check(key: str, *, in_use: bool) -> None:
    """Raise unless the key can be used now."""
    if not 1 <= len(key) <= MAX_LENGTH:
        raise invalid("704", f"The idempotency key is longer than {MAX_LENGTH} characters.")
    if in_use:
        raise AdyenError(422, "704", "request already processed or in progress", transient=True)


def replay(world: World, account: Account, key: str) -> Answer | None:
    """Return the kept answer of a key, None if there is none."""
    row = world.store.db.execute(
        "SELECT status, headers, body, created FROM answers WHERE account = ? AND key = ?", (account.id, key)
    ).fetchone()
    if row is None or row["created"] + KEPT_SECONDS <= world.now(account):
        return None
    return Answer(row["status"], row["body"], json.loads(row["headers"]))


def save(world: World, account: Account, key: str, answer: Answer) -> None:
    """Keep an answer under its key; called within the transaction that did the work."""
    world.store.db.execute(
        "INSERT OR REPLACE INTO answers (account, key, request, status, headers, body, created)"
        " VALUES (?, ?, '', ?, ?, ?, ?)",
        (
            account.id,
            key,
            answer.status,
            json.dumps(dict(answer.headers)),
            answer.body,
            int(world.now(account)),
        ),
    )
