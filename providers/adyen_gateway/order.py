"""What we ask of Adyen to have an order paid, and the open session that it answers (PAY-04)."""

import json
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from providers.adyen_gateway import reference
from providers.adyen_gateway.amount import to_adyen
from providers.adyen_gateway.fact import Json
from providers.gateway import Opened, Order

COUNTRY, LOCALE = "NL", "nl-NL"
METHODS = ("scheme", "ideal", "paypal", "applepay", "googlepay")
# Methods whose money can be held before it is taken.
HOLDABLE = ("scheme", "paypal", "applepay", "googlepay")
# What our callers call a method that Adyen calls otherwise.
NAMES = {"card": "scheme"}
LONGEST = timedelta(hours=24) - timedelta(minutes=1)


def session_wish(order: Order, *, merchant: str, theme: str, now: datetime) -> Json:
    """Ask for a session: of a page, or to be paid by the client. Raises Refused for an impossible amount.

    Adyen gives no session back, so it has to lapse by itself: at the order's deadline.
    """
    wish: Json = {
        "merchantAccount": merchant,
        "amount": to_adyen(order.amount),
        "reference": reference.of_payment(order.payment_id, holds=holds(order)),
        "returnUrl": _back(order),
        "countryCode": COUNTRY,
        "shopperLocale": LOCALE,
        "metadata": labels(order),
        "allowedPaymentMethods": _methods(order),
        "authenticationData": {"threeDSRequestData": {"nativeThreeDS": "preferred"}},
        "lineItems": [
            {
                "quantity": 1,
                "description": order.description or order.reference,
                "amountIncludingTax": to_adyen(order.amount)["value"],
            }
        ],
    }
    if order.expires_at is not None:
        ends = min(order.expires_at, now + LONGEST)
        wish["expiresAt"] = ends.isoformat(timespec="seconds")
    if holds(order):
        wish["additionalData"] = {"manualCapture": "true"}
    else:
        wish["captureDelayHours"] = 0
    if order.hosted:
        wish |= {"mode": "hosted", "themeId": theme}
    return wish


def holds(order: Order) -> bool:
    """Say whether the money is only authorised at first: what cannot be held is taken at once."""
    return order.manual_capture and (order.method is None or _name(order.method) in HOLDABLE)


def labels(order: Order) -> dict[str, str]:
    """Name the owner, for whoever looks at Adyen's desk; no person's data, and nothing that we rely on."""
    return {
        "tenant": str(order.tenant_id),
        "booking_id": str(order.booking_id),
        "payment_id": str(order.payment_id),
        "reference": order.reference,
    }


def opened(order: Order, session: Json) -> Opened:
    """Read an open session; a client pays with its id and data, as Adyen's Drop-in takes them."""
    secret = json.dumps({"id": session["id"], "sessionData": session["sessionData"]}, separators=(",", ":"))
    return Opened(
        provider_ref=str(order.payment_id),
        payment_url=session["url"] if order.hosted else None,
        client_secret=None if order.hosted else secret,
        expires_at=datetime.fromisoformat(session["expiresAt"]),
    )


def _methods(order: Order) -> list[str]:
    if order.method is not None:
        return [_name(order.method)]
    return [*(HOLDABLE if order.manual_capture else METHODS)]


def _name(method: str) -> str:
    return NAMES.get(method, method)


def _back(order: Order) -> str:
    """Give the address that the buyer's browser comes back to; what it says there proves nothing."""
    parts = urlsplit(order.return_url)
    more = urlencode({"payment_id": str(order.payment_id), "checkout": "done"})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, more))), fragment=""))
