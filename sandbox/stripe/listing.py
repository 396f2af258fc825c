"""Lists with cursors, newest first: limit, starting_after, ending_before and the `created` filter."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sandbox.record import Json, NotFound, Record
from sandbox.stripe.call import Call
from sandbox.stripe.error import invalid, no_such
from sandbox.work import Work

R = TypeVar("R", bound=Record)
Where = Sequence[tuple[str, Any]]

MAX_LIMIT, DEFAULT_LIMIT = 100, 10
COMPARE = {"gt": "created > ?", "gte": "created >= ?", "lt": "created < ?", "lte": "created <= ?"}


def listed(call: Call, cls: type[R], render: Callable[[Work, R], Json], url: str, where: Where = ()) -> Json:
    """Return a page of the account's records of a kind, narrowed by SQL conditions."""
    limit = call.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(
            f"Invalid limit: must be between 1 and {MAX_LIMIT}", "limit", "parameter_invalid_integer"
        )
    after, before = call.get("starting_after"), call.get("ending_before")
    if after is not None and before is not None:
        raise invalid(
            "You may only specify one of these parameters: starting_after, ending_before.", "starting_after"
        )
    try:
        found, more = call.work.store.page(
            cls,
            call.work.account.id,
            limit=limit,
            where=[*where, *_created(call.get("created"))],
            after=after,
            before=before,
        )
    except NotFound as error:
        name = "starting_after" if after is not None else "ending_before"
        raise no_such(cls.kind, error.record_id, name, status=400) from None
    return whole([render(call.work, record) for record in found], url, more=more)


def whole(data: list[Json], url: str, *, more: bool = False) -> Json:
    """Return a list object."""
    return {"object": "list", "url": url, "has_more": more, "data": data}


def _created(given: Any) -> list[tuple[str, Any]]:
    if given is None:
        return []
    if isinstance(given, int):
        return [("created = ?", given)]
    return [(COMPARE[name], value) for name, value in given.items()]


def about(name: str, value: Any) -> list[tuple[str, Any]]:
    """Return the condition that a field of the record's body has a value, none if no value is given."""
    return [] if value is None else [(f"json_extract(body, '$.{name}') = ?", value)]
