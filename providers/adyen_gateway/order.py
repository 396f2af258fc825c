"""What we ask of Adyen to have an order paid, and what it answers (PAY-04): an open session, the outcome of a
stored method, the methods there are.
"""

import json
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from domain.money import Money
from domain.payment import FactKind, PaymentFact
from providers.adyen_gateway import decline, reference
from providers.adyen_gateway.amount import to_adyen
from providers.adyen_gateway.fact import Json
from providers.adyen_gateway.split import splits
from providers.gateway import Opened, Order

COUNTRY, LOCALE = "NL", "nl-NL"
METHODS = ("scheme", "ideal", "paypal", "applepay", "googlepay")
# Methods whose money can be held before it is taken.
HOLDABLE = ("scheme", "paypal", "applepay", "googlepay")
# What we call a method that Adyen calls otherwise.
NAMES = {"card": "scheme", "apple_pay": "applepay", "google_pay": "googlepay"}
OURS = {theirs: ours for ours, theirs in NAMES.items()}
# Adyen's results that want something of the buyer, and those that end a try; any other is told about later.
ASKS_THE_BUYER = frozenset({"RedirectShopper", "IdentifyShopper", "ChallengeShopper", "PresentToShopper"})
DECLINED = frozenset({"Refused", "Error", "Cancelled"})
ON_FILE = {"recurringProcessingModel": "CardOnFile"}
LONGEST = timedelta(hours=24) - timedelta(minutes=1)


def session_wish(order: Order, *, merchant: str, theme: str, now: datetime) -> Json:
    """Ask for a session: of a page, or to be paid by the client. Raises Refused for an impossible amount.

    Adyen gives no session back, so it has to lapse by itself: at the order's deadline. What is paid with
    is stored where the order says for whom: the buyer has told us that they want it.
    """
    wish: Json = {
        **_asked(order, merchant),
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
    if order.hosted:
        wish |= {"mode": "hosted", "themeId": theme}
    if order.stored is not None:
        wish |= {"shopperReference": order.stored.customer, **ON_FILE}
    elif order.keeps_for is not None:
        wish |= {"shopperReference": order.keeps_for, "storePaymentMethodMode": "enabled", **ON_FILE}
    return wish


def stored_wish(order: Order, *, merchant: str) -> Json:
    """Ask to be paid with what Adyen has stored for the buyer. Raises Refused for an impossible amount."""
    wish: Json = {**_asked(order, merchant), **ON_FILE, "shopperInteraction": "ContAuth"}
    if order.stored is not None:
        wish["shopperReference"] = order.stored.customer
        wish["paymentMethod"] = {"type": "scheme", "storedPaymentMethodId": order.stored.token}
    return wish


def methods_wish(country: str, amount: Money, *, merchant: str) -> Json:
    """Ask with what a buyer of a country can pay an amount. Raises Refused for an impossible amount."""
    return {
        "merchantAccount": merchant,
        "countryCode": country,
        "amount": to_adyen(amount),
        "shopperLocale": LOCALE,
    }


def offered(answer: Json) -> list[str]:
    """Read what there is to pay with, by our names where we have any."""
    listed = answer.get("paymentMethods")
    told = listed if isinstance(listed, list) else []
    types = [str(each.get("type")) for each in told if isinstance(each, dict)]
    return [OURS.get(each, each) for each in types]


def answered(answer: Json, waiting: PaymentFact) -> tuple[PaymentFact, ...]:
    """Say what a try came to that Adyen answers at once: `waiting`, until a notification tells; or declined,
    with nothing left that could be paid. The notification names the same operation.
    """
    if answer.get("resultCode") not in DECLINED:
        return (waiting,)
    reason, psp = answer.get("refusalReason") or "Refused", str(answer.get("pspReference") or "")
    ended = waiting.model_copy(update={"kind": FactKind.FAILED, "operation": psp})
    told = {"decline_code": decline.of(reason).value, "decline_reason": decline.word(reason)}
    return (ended.model_copy(update={"kind": FactKind.DECLINED, **told}), ended)


def _asked(order: Order, merchant: str) -> Json:
    """Write what a session and a payment have in common."""
    when = {"additionalData": {"manualCapture": "true"}} if holds(order) else {"captureDelayHours": 0}
    return {
        "merchantAccount": merchant,
        "amount": to_adyen(order.amount),
        "reference": reference.of_payment(order.payment_id, holds=holds(order)),
        "returnUrl": _back(order),
        "countryCode": COUNTRY,
        "shopperLocale": LOCALE,
        "metadata": labels(order),
        **splits(order.payment_id, order.portions),
        **when,
    }


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
