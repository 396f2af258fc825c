"""Payment sessions: the shopper pays with Drop-in or on the hosted page; the core's checkouts underneath."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from sandbox import checkout as checkouts
from sandbox.adyen import money, split, stored_method
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import invalid
from sandbox.adyen.payment import capture_of, pictured
from sandbox.checkout import Checkout
from sandbox.payment import MethodType, Payment
from sandbox.record import Json, NotFound
from sandbox.work import Work

LIFE, LONGEST = timedelta(hours=1), timedelta(hours=24)
PLAYED: dict[str, MethodType] = {"scheme": "card", "paypal": "paypal"}
STATUS = {"open": "active", "approved": "active", "complete": "completed", "expired": "expired"}


def create(call: Call) -> Reply:
    """Open a session."""
    work, params = call.work, call.params
    value, currency = money.checked(params["amount"])
    hosted = params.get("mode") == "hosted"
    if hosted and not params.get("themeId"):
        raise invalid("158", "Required field 'themeId' is not provided.")
    splits = split.judged(params)
    about = {"merchant": params["merchantAccount"], "reference": params["reference"], "splits": splits}
    checkout = Checkout(
        id=work.new_id("checkout"),
        account=work.account.id,
        created=work.now,
        amount=value,
        currency=currency,
        expires_at=expiry(params.get("expiresAt"), work.now, LIFE, LONGEST),
        success_url=params["returnUrl"],
        cancel_url=params["returnUrl"],
        capture=capture_of(params),
        takes=takes(params),
        reference=params["reference"],
        email=params.get("shopperEmail"),
        keeps_for=stored_method.keeps_for(params),
        lines=[line(each, params["amount"]) for each in params.get("lineItems", ())],
        metadata=params.get("metadata", {}),
        payment_metadata=params.get("metadata", {}),
        parts=split.parts(splits),
        about={**about, "sent": params, "payment": about},
    )
    checkout.about["payment"]["session"] = checkout.id
    checkouts.open_checkout(work, checkout)
    return Reply(_shown(work, checkout, hosted=hosted), 201)


def takes(params: Json) -> list[MethodType]:
    """Return with what it can be paid: of what the merchant allows, what is played; cards in the place of
    what is not.
    """
    allowed, blocked = params.get("allowedPaymentMethods"), params.get("blockedPaymentMethods", ())
    wanted = [each for each in PLAYED if (allowed is None or each in allowed) and each not in blocked]
    return [PLAYED[each] for each in wanted] or ["card"]


def retrieve(call: Call) -> Reply:
    """Tell how a session stood when the shopper came back with this result: a hint, never updated later."""
    checkout = call.work.get(Checkout, call.id)
    if "link" in checkout.about["payment"]:
        raise NotFound("session", call.id)
    if call.params.get("sessionResult") != result_of(call.work, checkout):
        raise invalid("14_012", "The provided sessionResult is invalid.")
    answer: Json = {
        "id": checkout.id,
        "reference": checkout.reference,
        "status": _status(call.work, checkout),
    }
    if checkout.payment is not None:
        payment = call.work.get(Payment, checkout.payment)
        answer["payments"] = [{"amount": call_amount(checkout), **pictured(payment)}]
    return Reply(answer)


def result_of(work: Work, checkout: Checkout) -> str:
    """Return what the shopper brings back, and nobody can guess."""
    return work.secret("session result", checkout.id, length=64)


def back(work: Work, checkout: Checkout) -> str:
    """Return the address the shopper returns to, with Adyen's own query parameters."""
    query = urlencode({"sessionId": checkout.id, "sessionResult": result_of(work, checkout)})
    return f"{checkout.success_url}{'&' if '?' in checkout.success_url else '?'}{query}"


def call_amount(checkout: Checkout) -> Json:
    """Return a session's amount."""
    return {"currency": checkout.currency, "value": checkout.amount}


def _status(work: Work, checkout: Checkout) -> str:
    if checkout.status == "complete" and checkout.payment is not None:
        payment = work.get(Payment, checkout.payment)
        return "paymentPending" if payment.status == "processing" else "completed"
    if checkout.status == "open" and checkout.payment is not None:
        return "refused" if work.get(Payment, checkout.payment).decline else "active"
    return STATUS[checkout.status]


def _shown(work: Work, checkout: Checkout, *, hosted: bool) -> Json:
    sent: Json = checkout.about["sent"]
    expires = datetime.fromtimestamp(checkout.expires_at, UTC).isoformat()
    told = {
        **{name: value for name, value in sent.items() if name != "themeId"},
        "expiresAt": expires,
        "id": checkout.id,
        "mode": sent.get("mode", "embedded"),
        "sessionData": work.secret("session data", checkout.id, length=64),
    }
    return {**told, "url": f"{work.world.public_url}/pay/{checkout.id}"} if hosted else told


def expiry(wanted: str | None, now: int, life: timedelta, longest: timedelta) -> int:
    """Return when a page ends: `life` from now unless a time is wanted, at most `longest`; raises."""
    if wanted is None:
        return now + int(life.total_seconds())
    try:
        ends = datetime.fromisoformat(wanted)
        seconds = int(ends.timestamp()) if ends.tzinfo else None
    except (ValueError, OverflowError):
        seconds = None
    if seconds is None:
        raise invalid("14_018", "Field 'expiresAt' is not a valid date and time with an offset.")
    if not now < seconds <= now + longest.total_seconds():
        raise invalid(
            "14_018", f"Field 'expiresAt' must lie in the next {longest // timedelta(hours=1)} hours."
        )
    return seconds


def line(item: Json, amount: Json) -> Json:
    """Return what a page says of one thing that is bought."""
    quantity, price = item.get("quantity", 1), item.get("amountIncludingTax", 0)
    if not all(isinstance(each, int) and 0 <= each < money.LARGEST for each in (quantity, price)):
        raise invalid("137", "Invalid amount specified")
    return {
        "quantity": quantity,
        "description": str(item.get("description", ""))[:1000],
        "amount_total": quantity * price,
        "currency": amount["currency"],
    }
