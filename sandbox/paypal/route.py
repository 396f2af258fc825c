"""Every call of PayPal's API that is played: method, path, shape of the body, who answers, how long its
PayPal-Request-Id is remembered.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from sandbox.checkout import Checkout
from sandbox.dispute import Dispute
from sandbox.event import Endpoint
from sandbox.payment import Attempt
from sandbox.paypal import dispute, money, notification, order, payout, reporting, shape
from sandbox.paypal.call import Call
from sandbox.record import Json, Record
from sandbox.refund import Refund
from sandbox.work import Work

ORDER_KEY_SECONDS, PAYMENT_KEY_SECONDS, PAYOUT_KEY_SECONDS = 6 * 3600, 45 * 24 * 3600, 30 * 24 * 3600

# How each kind of thing is shown.
SHOWN: dict[type[Record], Callable[[Work, Any], Json]] = {
    Checkout: order.render,
    Attempt: money.show_authorization,
    money.Capture: money.show_capture,
    Refund: money.show_refund,
    Endpoint: notification.render,
    Dispute: dispute.render,
    payout.Batch: payout.show_header,
    payout.Item: payout.show_item,
}
KINDS: dict[str, type[Record]] = {each.kind: each for each in SHOWN}


@dataclass(frozen=True)
class Route:
    """One call; what it makes is answered with `status`, nothing with 204. `key_seconds` says how long a
    repeat is known, 0 that it is not.
    """

    method: str
    path: str
    answer: Callable[[Call], Record | Json | None]
    shape: Any = shape.Nothing
    status: int = 200
    key_seconds: int = 0
    pattern: re.Pattern[str] = field(init=False)
    body: TypeAdapter[Any] = field(init=False)

    def __post_init__(self) -> None:
        steps = re.escape(self.path).replace(r"\{id\}", "(?P<id>[^/]+)")
        object.__setattr__(self, "pattern", re.compile(steps))
        object.__setattr__(self, "body", TypeAdapter(self.shape))

    @property
    def empty(self) -> str:
        """Return what a missing body stands for."""
        return "{}" if isinstance(self.shape, type) else "[]"


ORDER = money.ORDERS + "/{id}"
AUTHORIZATION, CAPTURE = money.AUTHORIZATIONS + "/{id}", money.CAPTURES + "/{id}"
DISPUTE, ITEM = dispute.DISPUTES + "/{id}", payout.ITEMS + "/{id}"
SHORT, LONG = ORDER_KEY_SECONDS, PAYMENT_KEY_SECONDS

ROUTES = (
    Route("POST", money.ORDERS, order.create, shape.OrderWish, 201, SHORT),
    Route("GET", ORDER, order.retrieve),
    Route("PATCH", ORDER, order.patch, list[shape.Patch]),
    Route("POST", ORDER + "/capture", order.capture, status=201, key_seconds=SHORT),
    Route("POST", ORDER + "/authorize", order.authorize, status=201, key_seconds=SHORT),
    Route("GET", AUTHORIZATION, money.authorization),
    Route("POST", AUTHORIZATION + "/capture", money.capture, shape.CaptureWish, 201, LONG),
    Route("POST", AUTHORIZATION + "/void", money.void),
    Route("POST", AUTHORIZATION + "/reauthorize", money.reauthorize, shape.ReauthorizeWish, 201, LONG),
    Route("GET", CAPTURE, money.captured),
    Route("POST", CAPTURE + "/refund", money.refund, shape.RefundWish, 201, LONG),
    Route("GET", money.REFUNDS + "/{id}", money.refunded),
    Route("POST", payout.BATCHES, payout.create, shape.BatchWish, 201, PAYOUT_KEY_SECONDS),
    Route("GET", payout.BATCHES + "/{id}", payout.retrieve),
    Route("GET", ITEM, payout.item),
    Route("POST", ITEM + "/cancel", payout.cancel),
    Route("GET", dispute.DISPUTES, dispute.list_all),
    Route("GET", DISPUTE, dispute.retrieve),
    Route("POST", DISPUTE + "/provide-evidence", dispute.provide_evidence, shape.EvidenceWish),
    Route("POST", DISPUTE + "/accept-claim", dispute.accept_claim, shape.ClaimWish),
    Route("POST", DISPUTE + "/escalate", dispute.escalate, shape.EscalationWish),
    Route("POST", DISPUTE + "/adjudicate", dispute.adjudicate, shape.Adjudication),
    Route("GET", reporting.BALANCES, reporting.balances),
    Route("GET", reporting.TRANSACTIONS, reporting.transactions),
    Route("POST", notification.WEBHOOKS, notification.create, shape.HookWish, 201),
    Route("GET", notification.WEBHOOKS, notification.list_all),
    Route("GET", notification.WEBHOOKS + "/{id}", notification.retrieve),
    Route("DELETE", notification.WEBHOOKS + "/{id}", notification.delete),
    Route("GET", notification.EVENTS, notification.events),
    Route("GET", notification.EVENTS + "/{id}", notification.event),
    Route("POST", "/v1/notifications/verify-webhook-signature", notification.verify, shape.Proof),
)


def find(method: str, path: str) -> tuple[Route | None, str, bool]:
    """Return the route of a call, the id in its path, and whether the path is known at all."""
    known = False
    for route in ROUTES:
        if match := route.pattern.fullmatch(path):
            known = True
            if route.method == method:
                return route, match.groupdict().get("id", ""), True
    return None, "", known
