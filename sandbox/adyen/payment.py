"""Payments without a session: encrypted test details or stored ones in, a result or an action out.

What the shopper says to their bank does not pay yet: the merchant brings what the shopper brings back.
"""

from sandbox import checkout as checkouts, payment as payments
from sandbox.adyen import money, refusal, split, stored_method, typed
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import invalid, unknown_payment
from sandbox.card import Card
from sandbox.payment import Attempt, Capture, Method, Payment
from sandbox.record import Json, NotFound
from sandbox.work import Work


def create(call: Call) -> Reply:
    """Try to pay; a decline is an answer like any other."""
    work, params = call.work, call.params
    value, currency = money.checked(params["amount"])
    method, splits = _method(call), split.judged(params)
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
            "merchant_goes_on": True,
            "splits": splits,
        },
        parts=split.parts(splits),
    )
    payments.open_payment(work, payment)
    payments.submit(work, payment, method)
    if params.get("storePaymentMethod") and payment.status in ("authorized", "captured"):
        payment.about["stored"] = _kept(call, method).id
        work.save(payment)
    return _told(work, payment)


def details(call: Call) -> Reply:
    """Go on with a payment whose shopper has come back from their bank, or tell what became of it."""
    result = call.params["details"].get("redirectResult")
    for payment in call.work.store.all(Payment, call.work.account.id):
        if result == result_of(call.work, payment):
            _go_on(call.work, payment)
            return _told(call.work, payment)
    raise invalid("14_014", "The provided redirectResult is invalid.")


def _go_on(work: Work, payment: Payment) -> None:
    answer = payment.about.get("answer")
    if payment.status != "needs_action" or answer is None:
        return
    if answer == "passed":
        checkouts.pass_challenge(work, None, payment)
    else:
        payments.fail_challenge(work, payment)


def _method(call: Call) -> Method:
    """Return what is to be paid with: a stored method of the shopper's, or the card that was typed."""
    params, wanted = call.params, call.params["paymentMethod"]
    stored = wanted.get("storedPaymentMethodId")
    if stored is None:
        card, holder = typed.card(wanted)
        billing = {"name": _ordered(params) or holder, "email": params.get("shopperEmail")}
        return payments.new_method(call.work, card, billing=billing)
    return stored_method.found(call.work, stored, params["merchantAccount"], stored_method.shopper_of(params))


def _kept(call: Call, method: Method) -> Method:
    params, card = call.params, method.behaviour
    if method.customer is not None or not isinstance(card, Card):
        return method
    holder = method.billing.get("name")
    return stored_method.keep(
        call.work, card, holder, params["merchantAccount"], stored_method.shopper_of(params)
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


def _psp(attempt: str | None) -> Json:
    return {} if attempt is None else {"pspReference": attempt}


def _told(work: Work, payment: Payment) -> Reply:
    body: Json = {
        **pictured(payment),
        "merchantReference": payment.about["reference"],
        "amount": {"currency": payment.currency, "value": payment.amount},
    }
    if "stored" in payment.about:
        body["additionalData"] = {"tokenization.storedPaymentMethodId": payment.about["stored"]}
    if payment.status == "needs_action":
        url = f"{work.world.public_url}/pay/{payment.id}/challenge"
        body["action"] = {"type": "redirect", "method": "GET", "paymentMethodType": "scheme", "url": url}
    return Reply(body, psp=body.get("pspReference"))


def _ordered(params: Json) -> str | None:
    code = (params.get("additionalData") or {}).get("RequestedTestAcquirerResponseCode")
    return None if code is None else str(code)
