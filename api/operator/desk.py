"""What all routes of operators share: their transaction, their audit, the pages they turn."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import JsonValue, StringConstraints

from api import problem
from api.deps import BASE, Caller, House, Permission, may
from api.shape import Shape, example
from db import audit
from db.session import Connection
from domain.refusal import Forbidden, InvalidRequest, Unauthenticated, Unknown

T = TypeVar("T")

ADMIN = f"{BASE}/admin"
NOS = problem.answers(Unauthenticated, Forbidden, Unknown, also=())

Operator = Annotated[Caller, may(Permission.OPERATE)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ActWish(Shape):
    """Why an operator acts, in words for the audit; no person's data."""

    model_config = example(reason="The payment was labelled by hand meanwhile.")

    reason: Words


@asynccontextmanager
async def at_desk(parts: House, caller: Caller) -> AsyncIterator[Connection]:
    """Run a transaction that sees what this operator may see."""
    async with parts.database.operator(caller.tenant_id, platform=caller.is_platform) as connection:
        yield connection


async def note(
    connection: Connection,
    caller: Caller,
    action: str,
    subject: UUID,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write an operator's act down, in the transaction that does it."""
    await audit.write(
        connection,
        caller.tenant_id,
        actor=caller.name,
        action=action,
        subject=subject,
        before=before,
        after=after,
    )


def place(cursor: str | None) -> UUID | None:
    """Read the cursor of a page: the id of the last item of the page before. Refuses InvalidRequest."""
    if cursor is None:
        return None
    try:
        return UUID(cursor)
    except ValueError:
        error: JsonValue = {"parameter": "cursor", "code": "invalid", "detail": "This is no cursor of ours."}
        raise InvalidRequest("The query breaks a rule.", errors=[error]) from None


def turned(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Cut what was found, one more than a page holds, to the page; gives the last item if more follow."""
    return found[:limit], found[limit - 1] if len(found) > limit else None
