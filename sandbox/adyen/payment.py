"""Payments without a session: encrypted test details in, a result or an action out."""

import re

from sandbox import card as cards, payment as payments
from sandbox.adyen import money, refusal
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import invalid, unknown_payment
from sandbox.card import Card
from sandbox.payment import Attempt, Capture, Method, Payment
from sandbox.record import Json, NotFound
from sandbox.work import Work

BRANDS = {"mastercard": "mc"}
METHODS = (
    {"type": "scheme", "name": "Cards", "brands": ["visa", "mc", "amex"]},
    {"type": "ideal", "name": "iDEAL"},
    {"type": "paypal", "name": "PayPal"},
)


def create(call: Call) -> Reply:
    """Try to pay; a decline is an answer like any other."""
    work, params = call.work, call.params
    value, currency = money.checked(params["amount"])
    card, holder = _card(params["paymentMethod"])
    payment = Payment(
        id=work.new_id("payment"),
        account=work.account.id,
        created=work.now,
        amount=value,
        currency=currency,
        capture=capture_of(params),
        metadata=params.get("metadata", {}),
        about={
            "merchant": params["merchantAccount"],
            "reference": params["reference"],
            "return_url": params["returnUrl"],
        },
    )
    payments.open_payment(work, payment)
    billing = {"name": _ordered(params) or holder, "email": params.get("shopperEmail")}
    payments.submit(work, payment, payments.new_method(work, card, billing=billing))
    return _told(work, payment)


def details(call: Call) -> Reply:
    """Tell what became of a payment whose shopper has come back from their bank."""
    result = call.params["details"].get("redirectResult")
    for payment in call.work.store.all(Payment, call.work.account.id):
        if result == result_of(call.work, payment):
            return _told(call.work, payment)
    raise invalid("14_014", "The provided redirectResult is invalid.")


def methods(call: Call) -> Reply:
    """List what a shopper can pay with."""
    allowed = call.params.get("allowedPaymentMethods")
    blocked = call.params.get("blockedPaymentMethods", ())
    return Reply(
        {
            "paymentMethods": [
                each
                for each in METHODS
                if (allowed is None or each["type"] in allowed) and each["type"] not in blocked
            ]
        }
    )


def result_of(work: Work, payment: Payment) -> str:
    """Return what the shopper brings back from the challenge, and nobody can guess."""
    return work.secret("redirect result", payment.id, length=64)


def capture_of(params: Json) -> Capture:
    """Return when the money is taken: with manual capture on request, else at once."""
    manual = (params.get("additionalData") or {}).get("manualCapture")
    return "manual" if str(manual).lower() == "true" else "automatic_async"


def of_psp(work: Work, psp: str) -> tuple[Payment, Attempt]:
    """Return the payment of a pspReference, which is that of its authorisation; raises for nobody's."""
    try:
        attempt = work.get(Attempt, psp)
    except NotFound:
        raise unknown_payment() from None
    return work.get(Payment, attempt.payment), attempt


def pictured(payment: Payment) -> Json:
    """Return how a payment stands, in Adyen's words."""
    if payment.status == "needs_action":
        return {"resultCode": "RedirectShopper"}
    if payment.status == "unstarted" and payment.decline is not None:
        refused = refusal.of(payment.decline)
        shown = {
            "resultCode": refused.result,
            "refusalReason": refused.reason,
            "refusalReasonCode": refused.code,
        }
        return {**_psp(payment.decline.get("attempt")), **shown}
    codes = {
        "authorized": "Authorised",
        "captured": "Authorised",
        "processing": "Received",
        "cancelled": "Cancelled",
    }
    return {**_psp(payment.attempt), "resultCode": codes.get(payment.status, "Pending")}


def brand_of(method: Method) -> str:
    """Return what a notification calls the method."""
    if method.card is None:
        return "sepadirectdebit"
    brand = cards.BY_NUMBER[method.card].brand
    return BRANDS.get(brand, brand)


def _psp(attempt: str | None) -> Json:
    return {} if attempt is None else {"pspReference": attempt}


def _told(work: Work, payment: Payment) -> Reply:
    body: Json = {
        **pictured(payment),
        "merchantReference": payment.about["reference"],
        "amount": {"currency": payment.currency, "value": payment.amount},
    }
    if payment.status == "needs_action":
        url = f"{work.world.public_url}/pay/{payment.id}/challenge"
        body["action"] = {"type": "redirect", "method": "GET", "paymentMethodType": "scheme", "url": url}
    return Reply(body, psp=body.get("pspReference"))


def _card(method: Json) -> tuple[Card, str | None]:
    """Read the card that was typed; real numbers are no test cards, and so never get in."""
    if method.get("type") != "scheme":
        raise invalid("10_003", "The payment method type is not supported by the sandbox.")
    number = str(method.get("encryptedCardNumber", "")).removeprefix("test_")
    card = cards.find(number) if re.fullmatch(r"[0-9 ]{12,23}", number) else None
    if card is None:
        raise invalid("101", "Invalid card number")
    holder = method.get("holderName")
    return card, holder if isinstance(holder, str) else None


def _ordered(params: Json) -> str | None:
    code = (params.get("additionalData") or {}).get("RequestedTestAcquirerResponseCode")
    return None if code is None else str(code)
