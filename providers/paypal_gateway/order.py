"""What we ask of PayPal to have an order paid, whose order it is, and the open checkout that it answers.

The labels on an order name its owner, so that its events find the way home. PayPal knows no way to call an
order off before it is paid: one that we have given up is labelled as closed, and never captured.
"""

from typing import NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

from domain.ids import BookingId, PaymentId, TenantId
from providers.gateway import Opened, Order, Refused
from providers.paypal_gateway.amount import to_paypal
from providers.paypal_gateway.client import Json

PAYPAL = "paypal"
CLOSED = "closed"
LONGEST_TEXT = 127


class Labels(NamedTuple):
    """Whose order it is, and whether we have given it up."""

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    order_id: str = ""
    closed: bool = False

    def __str__(self) -> str:
        ids = [each.hex for each in (self.tenant_id, self.booking_id, self.payment_id)]
        return ":".join([*ids, *filter(None, (self.order_id, CLOSED if self.closed else ""))])


def labels(text: object) -> Labels | None:
    """Read the labels of an order, or of one of its captures or refunds; nothing from what is not ours."""
    tenant, booking, payment, *more = (*str(text).split(":"), "", "", "")
    try:
        ids = TenantId(UUID(tenant)), BookingId(UUID(booking)), PaymentId(UUID(payment))
    except ValueError:
        return None
    order_id = next((each for each in more if each not in ("", CLOSED)), "")
    return Labels(*ids, order_id=order_id, closed=CLOSED in more)


def order_wish(order: Order) -> Json:
    """Ask for an order. Raises Refused for what PayPal cannot take: an amount, or another method."""
    if order.method not in (None, PAYPAL) or order.stored is not None:
        raise Refused("method_not_supported")
    whose = Labels(order.tenant_id, order.booking_id, order.payment_id)
    return {
        "intent": "AUTHORIZE" if order.manual_capture else "CAPTURE",
        "purchase_units": [
            {
                "amount": to_paypal(order.amount),
                "custom_id": str(whose),
                "invoice_id": str(order.payment_id),  # PayPal takes the money of one of two alike
                "description": (order.description or order.reference)[:LONGEST_TEXT],
            }
        ],
        "application_context": {
            "shipping_preference": "NO_SHIPPING",
            "user_action": "PAY_NOW",
            # Banks that take days are no use to somebody whose places are held for minutes.
            "payment_method": {"payee_preferred": "IMMEDIATE_PAYMENT_REQUIRED"},
            "return_url": _back(order, outcome="done"),
            "cancel_url": _back(order, outcome="left"),
        },
    }


def closing(order: Json) -> list[Json]:
    """Write the change that labels an order as closed."""
    unit = order["purchase_units"][0]
    whose = labels(unit["custom_id"])
    text = str(whose._replace(closed=True)) if whose else CLOSED
    path = f"/purchase_units/@reference_id=='{unit['reference_id']}'/custom_id"
    return [{"op": "replace", "path": path, "value": text}]


def opened(order: Json, *, hosted: bool) -> Opened:
    """Read an order as a checkout: the page where it is approved, or the id that PayPal's script wants."""
    page = next((link["href"] for link in order["links"] if link["rel"] in ("approve", "payer-action")), None)
    return Opened(
        provider_ref=order["id"],
        payment_url=page if hosted else None,
        client_secret=None if hosted else order["id"],
    )


def _back(order: Order, *, outcome: str) -> str:
    """Give the address that the buyer's browser comes back to; what it says there proves nothing."""
    parts = urlsplit(order.return_url)
    more = urlencode({"payment_id": str(order.payment_id), "checkout": outcome})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, more))), fragment=""))
