"""Idempotency keys as Stripe keeps them: per account, 24 hours, the first answer, 402 and 500 included."""

import json
from hashlib import sha256

from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.stripe.error import StripeError
from sandbox.work import World

KEPT_SECONDS = 24 * 3600
MAX_LENGTH = 255


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what makes two requests the same."""
    return f"{method} {path} {sha256(body).hexdigest()}"


def check(key: str, *, in_use: bool) -> None:
    """Raise unless the key can be used now."""
    if not 1 <= len(key) <= MAX_LENGTH:
        raise StripeError(400, f"Idempotency keys must be 1 to {MAX_LENGTH} characters.")
    if in_use:
        raise StripeError(
            409,
            "There is currently another in-progress request using this Idempotent Key (that probably means "
            f"you submitted twice, and the other request is still going through): {key}. Please try later.",
            code="idempotency_key_in_use",
            error_type="idempotency_error",
        )


def replay(world: World, account: Account, key: str, request: str) -> Answer | None:
    """Return the saved answer of a key, None if it is new; raise if it was used for something else."""
    row = world.store.db.execute(
        "SELECT request, status, headers, body, created FROM answers WHERE account = ? AND key = ?",
        (account.id, key),
    ).fetchone()
    if row is None or row["created"] + KEPT_SECONDS <= world.now(account):
        return None
    if row["request"] != request:
        raise StripeError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request.",
            error_type="idempotency_error",
        )
    return Answer(row["status"], row["body"], json.loads(row["headers"]) | {"Idempotent-Replayed": "true"})


def save(world: World, account: Account, key: str, request: str, answer: Answer) -> None:
    """Keep an answer under its key; called within the transaction that did the work."""
    world.store.db.execute(
        "INSERT OR REPLACE INTO answers (account, key, request, status, headers, body, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            account.id,
            key,
            request,
            answer.status,
            json.dumps(dict(answer.headers)),
            answer.body,
            int(world.now(account)),
        ),
    )
