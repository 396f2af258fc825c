"""Adyen's notifications: whether they are authentic, and what they say.

A delivery holds several items, each signed by itself; one that is not refuses them all (WHK-02). Adyen's own
check looks at the first item only, and raises on bytes that anybody can send; ours raises BadSignature and
nothing else. Signed are eight values: references, merchant, amount, kind and success. What else is told,
nobody vouches for but the second lock: a user name and a password.

What the platform tells of transfers comes one by one, as it stands signed in a header.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from observability.metrics import WEBHOOK_SECRETS
from providers.adyen_gateway import reference
from providers.adyen_gateway.dispute import STATES as DISPUTES
from providers.adyen_gateway.fact import PROVIDER, Item, Json, instant, tell
from providers.adyen_gateway.transfer import CATEGORY, paid_out
from providers.gateway import BadSignature, WebhookEvent

PLATFORM, SIGNATURE = "balancePlatform.", "hmacsignature"
TRANSFERS = frozenset({f"{PLATFORM}transfer.created", f"{PLATFORM}transfer.updated"})
_TROUBLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def verify(raw: bytes, headers: Mapping[str, str], *, keys: Sequence[str], login: str) -> None:
    """Check the login, where one is asked for, and every item.

    Any of `keys` (in hexadecimal) may have signed, so that one can be rotated. Raises BadSignature and
    nothing else.
    """
    if login and not _is_logged_in(headers.get("authorization", ""), login):
        raise BadSignature("not logged in")
    try:
        signed = _signed(raw, headers)
    except _TROUBLE:
        raise BadSignature("not a notification") from None
    if not signed:
        raise BadSignature("nothing is signed")
    for text, signature in signed:
        place = _signed_by(text, signature, keys)
        if place is None:
            raise BadSignature("signed by nobody we know")
        WEBHOOK_SECRETS.labels(PROVIDER, place).inc()


def parse(raw: bytes, account: str, merchant: str) -> Sequence[WebhookEvent]:
    """Read the items of an authentic delivery: no facts for what we do not know, or what is another's."""
    try:
        told = json.loads(raw)
        if _is_of_platform(told):
            return [_told_by_platform(told)]
        live = str(told["live"]) == "true"
        return [_event(item, account, merchant, live=live) for item in _items(told)]
    except _TROUBLE:
        return ()


def read(raw: bytes, account: str, merchant: str) -> list[Item]:
    """Give the items of an authentic delivery that are about payments of ours."""
    try:
        told = list(_items(json.loads(raw)))
    except _TROUBLE:
        return []
    named = [(reference.read(each.get("merchantReference")), each) for each in told]
    return [
        Item(account, about, each)
        for about, each in named
        if about is not None and each.get("merchantAccountCode") == merchant
    ]


def reports(raw: bytes) -> list[str]:
    """Give the names of the reports that an authentic delivery tells of."""
    try:
        told = list(_items(json.loads(raw)))
    except _TROUBLE:
        return []
    return [str(each["pspReference"]) for each in told if each.get("eventCode") == "REPORT_AVAILABLE"]


def _signed(raw: bytes, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Give what is signed in a delivery, each with its signature: its items, or all of it as it stands."""
    told = json.loads(raw)
    if _is_of_platform(told):
        return [(raw, headers[SIGNATURE].encode("ascii"))]
    return [(_text(item), item["additionalData"]["hmacSignature"].encode("ascii")) for item in _items(told)]


def _is_of_platform(told: Any) -> bool:
    return isinstance(told, dict) and str(told.get("type")).startswith(PLATFORM)


def _told_by_platform(told: Json) -> WebhookEvent:
    """Read an event of the platform: where a payout stands, or what says nothing of one."""
    data = told["data"]
    at = instant(told.get("timestamp") or data["creationDate"])
    is_payout = told["type"] in TRANSFERS and data.get("category") == CATEGORY
    return WebhookEvent(
        event_id=f"{data['id']}:{data['status']}:{data.get('sequenceNumber') or at.isoformat()}",
        kind=told["type"],
        occurred_at=at,
        live=told.get("environment") == "live",
        transfer=paid_out(data) if is_payout and data.get("direction") != "incoming" else None,
    )


def _items(told: Any) -> Iterator[Json]:
    for each in told["notificationItems"]:
        yield each["NotificationRequestItem"]


def _text(item: Json) -> bytes:
    """Put together what is signed."""
    amount = item.get("amount") or {}
    values = (
        item.get("pspReference"),
        item.get("originalReference"),
        item.get("merchantAccountCode"),
        item.get("merchantReference"),
        amount.get("value"),
        amount.get("currency"),
        item.get("eventCode"),
        item.get("success"),
    )
    return ":".join("" if value is None else str(value) for value in values).encode()


def _signed_by(text: bytes, signature: bytes, keys: Sequence[str]) -> int | None:
    for place, key in enumerate(filter(None, keys)):
        wanted = base64.b64encode(hmac.new(bytes.fromhex(key), text, hashlib.sha256).digest())
        if hmac.compare_digest(wanted, signature):
            return place
    return None


def _is_logged_in(shown: str, login: str) -> bool:
    wanted = "Basic " + base64.b64encode(login.encode()).decode()
    return hmac.compare_digest(wanted.encode(), shown.encode("utf-8", "replace"))


def _event(told: Json, account: str, merchant: str, *, live: bool) -> WebhookEvent:
    about = reference.read(told.get("merchantReference"))
    ours = told["merchantAccountCode"] == merchant
    item = Item(account, about, told) if about and ours else None
    disputed = ours and told["eventCode"] in DISPUTES
    return WebhookEvent(
        event_id=f"{told['pspReference']}:{told['eventCode']}:{told['success']}",
        kind=told["eventCode"],
        occurred_at=instant(told["eventDate"]),
        live=live,
        foreign=not ours,
        payment_id=about.payment_id if about else None,
        facts=_facts(item),
        disputed=(str(about.payment_id) if about else told.get("originalReference")) if disputed else None,
        dispute=reference.of_dispute(about.payment_id, told["pspReference"]) if about and disputed else None,
    )


def _facts(item: Item | None) -> tuple[Any, ...]:
    try:
        fact = tell(item) if item else None
    except _TROUBLE:  # an item of another shape than we know
        return ()
    return (fact,) if fact else ()
