"""Events in Stripe's words: the envelope, and looking them up."""

import json

from sandbox.event import Event
from sandbox.record import Json
from sandbox.stripe import listing
from sandbox.stripe.call import Call
from sandbox.stripe.error import invalid
from sandbox.stripe.text import LINES
from sandbox.work import Work

UNDELIVERED = "SELECT event FROM deliveries WHERE event = records.id AND status NOT IN ('delivered', 'gone')"


def body(work: Work, event_id: str, event_type: str, data: Json, api_version: str, wanting: int) -> str:
    """Return an event's text, fixed once; spaced oddly, so that nobody can verify a re-serialised copy.

    What happens in a connected account says in which.
    """
    connected = work.account is not work.account.root
    event = {
        "id": event_id,
        "object": "event",
        **({"account": work.account.id} if connected else {}),
        "api_version": api_version,
        "created": work.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": wanting,
        "request": {"id": work.cause.request_id, "idempotency_key": work.cause.idempotency_key},
        "type": event_type,
    }
    return LINES.encode(event) + "\n"


def render(work: Work, event: Event) -> Json:
    """Return an event with the number of endpoints that have not taken it yet."""
    waiting = work.store.db.execute(
        "SELECT COUNT(DISTINCT endpoint) FROM deliveries"
        " WHERE event = ? AND status NOT IN ('delivered', 'gone')",
        (event.id,),
    ).fetchone()[0]
    return {**json.loads(event.body), "pending_webhooks": waiting}


def retrieve(call: Call) -> Json:
    """Return one event."""
    return render(call.work, call.work.get(Event, call.id))


def list_all(call: Call) -> Json:
    """List events by type (with `*`), types and whether all endpoints took them."""
    kind, kinds, delivered = call.get("type"), call.get("types"), call.get("delivery_success")
    if kind is not None and kinds is not None:
        raise invalid("You may only specify one of these parameters: type, types.", "types")
    where: list[tuple[str, object]] = []
    if kind is not None:
        where.append(("json_extract(body, '$.type') GLOB ?", kind.replace("[", "[[]").replace("?", "[?]")))
    if kinds is not None:
        if len(kinds) > 20:
            raise invalid("You may only specify up to 20 types.", "types")
        where.append(("json_extract(body, '$.type') IN (SELECT value FROM json_each(?))", json.dumps(kinds)))
    if delivered is not None:
        where.append((f"(id NOT IN ({UNDELIVERED})) = ?", int(delivered)))
    return listing.listed(call, Event, render, "/v1/events", where)
