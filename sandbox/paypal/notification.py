"""Webhooks: registering them, looking events up, and asking whether a delivery is authentic."""

import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlencode

from sandbox.event import Endpoint, Event
from sandbox.paypal import query, shape
from sandbox.paypal.call import Call, instant, link
from sandbox.paypal.error import invalid
from sandbox.record import Json, NotFound
from sandbox.work import Work

WEBHOOKS, EVENTS = "/v1/notifications/webhooks", "/v1/notifications/webhooks-events"
MAX_WEBHOOKS = 10
# Events about other resources do not say of which version these are.
OF_V2 = frozenset({"checkout-order", "authorization", "capture", "refund"})
_QUERY = frozenset({"page_size", "start_time", "end_time", "event_type", "next_token"})


def create(call: Call) -> Endpoint:
    """Register a webhook."""
    work, wish = call.work, call.body
    known = work.store.all(Endpoint, work.account.id)
    if any(each.url == wish.url for each in known):
        _refuse("WEBHOOK_URL_ALREADY_EXISTS", "Webhook URL already exists.", "/url")
    if len(known) >= MAX_WEBHOOKS:
        _refuse("WEBHOOK_NUMBER_LIMIT_EXCEEDED", "You have reached the maximum limit of webhooks.", "/url")
    endpoint_id = work.new_id("endpoint")
    endpoint = Endpoint(
        id=endpoint_id,
        account=work.account.id,
        created=work.now,
        url=wish.url,
        secret=endpoint_id,
        types=[each.name for each in wish.event_types],
    )
    work.add(endpoint)
    return endpoint


def retrieve(call: Call) -> Endpoint:
    """Return one webhook."""
    return call.work.get(Endpoint, call.id)


def list_all(call: Call) -> Json:
    """List webhooks."""
    return {
        "webhooks": [render(call.work, each) for each in call.work.store.all(Endpoint, call.work.account.id)]
    }


def delete(call: Call) -> None:
    """Forget a webhook; what was on its way to it is not sent any more."""
    call.work.store.delete(retrieve(call))


def render(work: Work, endpoint: Endpoint) -> Json:
    """Return a webhook."""
    path = f"{WEBHOOKS}/{endpoint.id}"
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "event_types": [{"name": name} for name in endpoint.types],
        "links": [
            link(work, path, "self"),
            link(work, path, "update", "PATCH"),
            link(work, path, "delete", "DELETE"),
        ],
    }


def event_text(work: Work, event_id: str, event_type: str, resource_type: str, resource: Json) -> str:
    """Return an event's text, fixed once; spaced oddly, so that nobody can verify a re-serialised copy."""
    event = {
        "id": event_id,
        "event_version": "1.0",
        "create_time": instant(work.now),
        "resource_type": resource_type,
        **({"resource_version": "2.0"} if resource_type in OF_V2 else {}),
        "event_type": event_type,
        "summary": event_type.replace(".", " ").capitalize(),
        "resource": resource,
        "links": [
            link(work, f"{EVENTS}/{event_id}", "self"),
            link(work, f"{EVENTS}/{event_id}/resend", "resend", "POST"),
        ],
    }
    return json.dumps(event, separators=(",", ": ")) + "\n"


def events(call: Call) -> Json:
    """List events, newest first; `next_token` goes on where a page has ended."""
    work, asked = call.work, call.query
    query.check_names(asked, _QUERY)
    size = query.count(asked, "page_size", 10, 300)
    where: list[tuple[str, Any]] = [
        (f"created {sign} ?", query.seconds(asked, name))
        for name, sign in (("start_time", ">="), ("end_time", "<="))
        if name in asked
    ]
    if "event_type" in asked:
        where.append(("json_extract(body, '$.type') = ?", asked["event_type"]))
    try:
        page, more = work.store.page(
            Event, work.account.id, limit=size, where=where, after=asked.get("next_token")
        )
    except NotFound:
        raise query.wrong("next_token") from None
    onward = [link(work, f"{EVENTS}?{_onward(asked, page[-1].id)}", "next")] if more else []
    return {"events": [json.loads(each.body) for each in page], "count": len(page), "links": onward}


def _onward(asked: Mapping[str, str], last: str) -> str:
    """Write the query of the next page: what was asked for, from where this page has ended."""
    return urlencode({**asked, "next_token": last})


def event(call: Call) -> Json:
    """Return one event."""
    told: Json = json.loads(call.work.get(Event, call.id).body)
    return told


def verify(call: Call) -> Json:
    """Say whether a delivery is PayPal's own: what was sent, to that webhook, signed by its key."""
    proof: shape.Proof = call.body
    try:
        told = call.work.get(Event, str(proof.webhook_event.get("id")))
        call.work.get(Endpoint, proof.webhook_id)
    except NotFound:
        return {"verification_status": "FAILURE"}
    text = signed_text(proof.transmission_id, proof.transmission_time, proof.webhook_id, told.body.encode())
    true = json.loads(told.body) == proof.webhook_event and proof.auth_algo == "SHA256withRSA"
    good = true and call.certificates.is_signed(text, proof.transmission_sig)
    return {"verification_status": "SUCCESS" if good else "FAILURE"}


def signed_text(transmission_id: str, stamp: str, webhook_id: str, body: bytes) -> bytes:
    """Return what a delivery's signature is made of."""
    return f"{transmission_id}|{stamp}|{webhook_id}|{zlib.crc32(body)}".encode()


def _refuse(issue: str, description: str, field: str) -> NoReturn:
    raise invalid(issue, description, field)
