"""What we ask of Stripe to have an order paid, and the open checkout that it answers."""

from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from stripe.params import PaymentIntentCreateParams
from stripe.params.checkout import SessionCreateParams

from providers.gateway import Opened, Order
from providers.stripe_gateway.amount import to_stripe
from providers.stripe_gateway.fact import Json, instant

# Stripe lets a page live from 30 minutes to 24 hours. A shorter deadline is kept by closing the page; its own
# end is a safety net behind that, and follows from the deadline alone: a repeat must send the same body.
NET = timedelta(minutes=31)
LONGEST = timedelta(hours=24) - NET

# Methods that settle days later are offered by name only, for the places must be kept as long.
DELAYED: list[str] = [
    "acss_debit",
    "au_becs_debit",
    "bacs_debit",
    "boleto",
    "customer_balance",
    "konbini",
    "multibanco",
    "oxxo",
    "sepa_debit",
    "us_bank_account",
]
# What our callers call a method that Stripe calls otherwise: its wallets show on a card's page.
NAMES = {"apple_pay": "card", "google_pay": "card", "afterpay": "afterpay_clearpay"}
# Methods whose money can be held before it is taken.
HOLDABLE = frozenset(
    {
        *("card", "link", "paypal", "klarna", "afterpay_clearpay"),
        *("amazon_pay", "mobilepay", "revolut_pay", "satispay"),
    }
)


def intent_wish(order: Order) -> PaymentIntentCreateParams:
    """Ask for a payment that the client completes with a secret, or that a stored method makes at once.

    Raises Refused for an amount that Stripe cannot take.
    """
    wish: PaymentIntentCreateParams = {
        "amount": to_stripe(order.amount),
        "currency": order.amount.currency.lower(),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "capture_method": _capture(order),
        "description": order.description or order.reference,
        "metadata": labels(order),
        "transfer_group": str(order.booking_id),
    }
    if order.method is not None:
        wish["allowed_payment_method_types"] = [_name(order.method)]
    else:
        wish["excluded_payment_method_types"] = [*DELAYED]
    if order.stored is not None:
        wish["customer"], wish["payment_method"] = order.stored.customer, order.stored.token
        wish["confirm"], wish["return_url"] = True, _back(order, outcome="done")
    return wish


def session_wish(order: Order, now: datetime) -> SessionCreateParams:
    """Ask for a hosted page. Raises Refused for an amount that Stripe cannot take."""
    wish: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.amount.currency.lower(),
                    "unit_amount": to_stripe(order.amount),
                    "product_data": {"name": order.description or order.reference},
                },
            }
        ],
        "success_url": _back(order, outcome="done") + "&session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": _back(order, outcome="left"),
        "client_reference_id": str(order.payment_id),
        "metadata": labels(order),
        "adaptive_pricing": {"enabled": False},  # the buyer pays in our currency, or the payment conflicts
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_intent_data": {
            "capture_method": _capture(order),
            "description": order.description or order.reference,
            "metadata": labels(order),
            "transfer_group": str(order.booking_id),
        },
    }
    if order.method is not None:
        wish["allowed_payment_method_types"] = [_name(order.method)]
    else:
        wish["excluded_payment_method_types"] = [*DELAYED]
    if order.expires_at is not None:
        deadline = f"Please pay by {order.expires_at:%d %B, %H:%M} UTC: your places are held until then."
        wish["custom_text"] = {"submit": {"message": deadline}}
    if order.expires_at is not None and order.expires_at - now < LONGEST:
        wish["expires_at"] = int((order.expires_at + NET).timestamp())
    return wish


def _capture(order: Order) -> Literal["manual", "automatic_async"]:
    """Say when to take the money: what cannot be held is taken at once, and given back if need be."""
    holds = order.method is None or _name(order.method) in HOLDABLE
    return "manual" if order.manual_capture and holds else "automatic_async"


def _name(method: str) -> str:
    return NAMES.get(method, method)


def labels(order: Order) -> dict[str, str]:
    """Name the owner on Stripe's object, so that its events find the way home. No person's data."""
    return {
        "tenant": str(order.tenant_id),
        "booking_id": str(order.booking_id),
        "payment_id": str(order.payment_id),
        "reference": order.reference,
    }


def opened_session(session: Json) -> Opened:
    """Read a hosted page; one that is no longer open has no address."""
    expires_at = session.get("expires_at")
    return Opened(
        provider_ref=session["id"],
        payment_url=session["url"] if session["status"] == "open" else None,
        expires_at=instant(expires_at) if expires_at else None,
    )


def opened_intent(intent: Json) -> Opened:
    """Read an intent; one that has ended has no secret to pay with. Where the bank asks, there is an address
    to answer at.
    """
    asked = (intent.get("next_action") or {}).get("redirect_to_url")
    if asked:
        return Opened(provider_ref=intent["id"], payment_url=asked["url"])
    ended = intent["status"] in ("succeeded", "canceled")
    return Opened(provider_ref=intent["id"], client_secret=None if ended else intent["client_secret"])


def _back(order: Order, *, outcome: str) -> str:
    """Give the address that the buyer's browser comes back to; what it says there proves nothing."""
    parts = urlsplit(order.return_url)
    more = urlencode({"payment_id": str(order.payment_id), "checkout": outcome})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, more))), fragment=""))
