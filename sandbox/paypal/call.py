"""What a call is asked with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.paypal.certificate import Certificates
from sandbox.record import Json
from sandbox.work import Work


@dataclass(frozen=True)
class Call:
    """One call: the turn of work it is done in, the id in its path, its body and its query; and the keys that
    deliveries are signed with.
    """

    work: Work
    id: str
    body: Any
    query: Mapping[str, str]
    certificates: Certificates


def link(work: Work, path: str, rel: str, method: str = "GET") -> Json:
    """Return a link to another call, as PayPal adds them to everything it shows."""
    return {"href": f"{work.world.public_url}/paypal{path}", "rel": rel, "method": method}


def instant(seconds: float) -> str:
    """Return a time as PayPal writes it (RFC 3339, UTC)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_empty(**fields: Any) -> Json:
    """Return an object without what there is nothing to say of: PayPal leaves it out."""
    return {name: value for name, value in fields.items() if value is not None}
