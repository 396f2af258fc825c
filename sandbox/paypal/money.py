"""Authorizations, captures and refunds: what became of the money of an order."""

from dataclasses import dataclass
from typing import ClassVar

from sandbox import ledger, payment as payments, refund as refunds
from sandbox.checkout import Checkout
from sandbox.payment import Attempt, Payment
from sandbox.paypal import amount, shape
from sandbox.paypal.call import Call, instant, link, without_empty
from sandbox.paypal.error import no_such, unplayed, unprocessable
from sandbox.record import Json, Record
from sandbox.refund import Refund
from sandbox.work import Work

ORDERS = "/v2/checkout/orders"
AUTHORIZATIONS, CAPTURES = "/v2/payments/authorizations", "/v2/payments/captures"
REFUNDS = "/v2/payments/refunds"
REFUNDABLE_SECONDS = 180 * 24 * 3600
HONOUR_SECONDS = 3 * 24 * 3600
REFUND_STATUS = {"pending": "PENDING", "succeeded": "COMPLETED", "failed": "FAILED", "cancelled": "CANCELLED"}


@dataclass(kw_only=True)
class Capture(Record):
    """The taking of a try's money, which has an id of its own at PayPal."""

    kind: ClassVar[str] = "capture"

    attempt: str

    @property
    def parent(self) -> str:
        """Return the try to pay."""
        return self.attempt


def balance(work: Work, currency: str) -> int:
    """Return what is held for the account, all of which can be used at once."""
    held = ledger.balances(work).get(currency, {"available": 0, "pending": 0})
    return int(held["available"] + held["pending"])


def capture_of(work: Work, attempt: Attempt) -> Capture:
    """Return the capture of a try whose money was taken, or is on its way; written down when first seen."""
    known = work.store.children(Capture, attempt.id)
    if known:
        return known[0]
    new = Capture(id=work.new_id("capture"), account=work.account.id, created=work.now, attempt=attempt.id)
    work.add(new)
    return new


def order_of(work: Work, attempt: Attempt) -> Checkout:
    """Return the order that a try to pay belongs to."""
    return work.get(Checkout, work.get(Payment, attempt.payment).checkout or "")


def authorization(call: Call) -> Attempt:
    """Return one authorization."""
    attempt = call.work.get(Attempt, call.id)
    if order_of(call.work, attempt).about["intent"] != "AUTHORIZE":
        raise no_such()
    return attempt


def capture(call: Call) -> Capture:
    """Take what was authorized; with `final_capture` a part of it, and the rest is released."""
    attempt, wish, work = authorization(call), call.body, call.work
    payment = _still_held(work, attempt)
    taken = _of(wish.amount, payment.currency, payment.authorized)
    if taken > payment.authorized:
        raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "/amount/value")
    if taken < payment.authorized and not wish.final_capture:
        raise unplayed("/final_capture")
    attempt.about |= wish.model_dump(include={"invoice_id", "note_to_payer"}, exclude_none=True)
    work.save(attempt)
    return capture_of(work, payments.capture(work, payment, taken))


def void(call: Call) -> None:
    """Release what was authorized."""
    attempt = authorization(call)
    payment = call.work.get(Payment, attempt.payment)
    if attempt.released:
        raise unprocessable("PREVIOUSLY_VOIDED")
    if payment.status != "authorized":
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED")
    payments.cancel(call.work, payment, "voided")


def reauthorize(call: Call) -> Attempt:
    """Have the money honoured for three days more, from the fourth day on."""
    attempt, work = authorization(call), call.work
    payment = _still_held(work, attempt)
    if _of(call.body.amount, payment.currency, payment.authorized) != payment.authorized:
        raise unplayed("/amount")
    if work.now < attempt.created + HONOUR_SECONDS:
        raise unprocessable("REAUTHORIZATION_TOO_SOON")
    return attempt


def _still_held(work: Work, attempt: Attempt) -> Payment:
    payment = work.get(Payment, attempt.payment)
    if payment.status == "captured":
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED")
    if payment.status != "authorized":
        raise unprocessable(
            "AUTHORIZATION_EXPIRED" if payment.cancel_reason == "automatic" else "AUTHORIZATION_VOIDED"
        )
    return payment


def _of(asked: shape.Amount | None, currency: str, whole: int) -> int:
    if asked is None:
        return whole
    minor, its = amount.positive(asked, "/amount")
    if its != currency:
        raise unprocessable("CURRENCY_MISMATCH", "/amount/currency_code")
    return minor


def captured(call: Call) -> Capture:
    """Return one capture."""
    return call.work.get(Capture, call.id)


def refund(call: Call) -> Refund:
    """Give back a capture, or a part of what is left of it."""
    work, wish = call.work, call.body
    attempt = work.get(Attempt, captured(call).attempt)
    payment = work.get(Payment, attempt.payment)
    left = payment.left
    if attempt.status == "pending":
        raise unprocessable("PENDING_CAPTURE")
    if payment.disputed:
        raise unprocessable("TRANSACTION_DISPUTED")
    if left <= 0:
        raise unprocessable("CAPTURE_FULLY_REFUNDED")
    if work.now > attempt.created + REFUNDABLE_SECONDS:
        raise unprocessable("REFUND_TIME_LIMIT_EXCEEDED")
    back = _of(wish.amount, payment.currency, left)
    if back > left:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", "/amount/value")
    about = wish.model_dump(include={"invoice_id", "custom_id", "note_to_payer"}, exclude_none=True)
    return refunds.create(work, payment, back, reason=None, metadata={}, about=about)


def refunded(call: Call) -> Refund:
    """Return one refund."""
    return call.work.get(Refund, call.id)


def payments_of(work: Work, order: Checkout) -> list[Attempt]:
    """Return the tries that moved money or will."""
    tries = work.store.children(Attempt, order.payment) if order.payment else []
    return [attempt for attempt in tries if attempt.status != "failed" or attempt.by_debit]


def payments_shown(work: Work, order: Checkout) -> Json:
    """Return what an order says of its money."""
    tries = payments_of(work, order)
    held = [each for each in tries if order.about["intent"] == "AUTHORIZE"]
    taken = [each for each in tries if each.captured or each.by_debit]
    back = [each for attempt in tries for each in work.store.children(Refund, attempt.id)]
    return {
        name: shown
        for name, shown in (
            ("authorizations", [show_authorization(work, each) for each in held]),
            ("captures", [show_capture(work, capture_of(work, each)) for each in taken]),
            ("refunds", [show_refund(work, each) for each in back]),
        )
        if shown
    }


def authorization_status(attempt: Attempt) -> str:
    """Return where an authorization stands, in PayPal's word."""
    if attempt.released:
        return "VOIDED"
    if not attempt.captured:
        return "CREATED"
    return "CAPTURED" if attempt.captured == attempt.amount else "PARTIALLY_CAPTURED"


def show_authorization(work: Work, attempt: Attempt) -> Json:
    """Return an authorization."""
    order, path = order_of(work, attempt), f"{AUTHORIZATIONS}/{attempt.id}"
    return without_empty(
        id=attempt.id,
        status=authorization_status(attempt),
        amount=amount.shown(attempt.amount, attempt.currency),
        **_labels(order),
        seller_protection={"status": "ELIGIBLE"},
        expiration_time=instant(attempt.hold_ends or attempt.created),
        create_time=instant(attempt.created),
        update_time=instant(work.now),
        supplementary_data=_related(order),
        links=[
            link(work, path, "self"),
            link(work, f"{path}/capture", "capture", "POST"),
            link(work, f"{path}/void", "void", "POST"),
            link(work, f"{path}/reauthorize", "reauthorize", "POST"),
            link(work, f"{ORDERS}/{order.id}", "up"),
        ],
    )


def capture_status(attempt: Attempt) -> str:
    """Return where a capture stands, in PayPal's word."""
    if attempt.status != "succeeded":
        return {"pending": "PENDING", "failed": "DECLINED"}[attempt.status]
    if not attempt.refunded:
        return "COMPLETED"
    return "REFUNDED" if attempt.refunded == attempt.captured else "PARTIALLY_REFUNDED"


def show_capture(work: Work, taken: Capture) -> Json:
    """Return a capture, with what PayPal keeps of it."""
    attempt = work.get(Attempt, taken.attempt)
    order, path = order_of(work, attempt), f"{CAPTURES}/{taken.id}"
    gross, currency = attempt.captured or attempt.amount, attempt.currency
    fee = ledger.fee_of(gross, debit=attempt.by_debit)
    held = order.about["intent"] == "AUTHORIZE"
    up = f"{AUTHORIZATIONS}/{attempt.id}" if held else f"{ORDERS}/{order.id}"
    return without_empty(
        id=taken.id,
        status=capture_status(attempt),
        status_details={"reason": "ECHECK"} if attempt.status == "pending" else None,
        amount=amount.shown(gross, currency),
        final_capture=True,
        **(_labels(order) | _own(attempt.about)),
        seller_protection={"status": "ELIGIBLE"},
        seller_receivable_breakdown={
            "gross_amount": amount.shown(gross, currency),
            "paypal_fee": amount.shown(fee, currency),
            "net_amount": amount.shown(gross - fee, currency),
        },
        create_time=instant(taken.created),
        update_time=instant(work.now),
        supplementary_data=_related(order, attempt if held else None),
        links=[
            link(work, path, "self"),
            link(work, f"{path}/refund", "refund", "POST"),
            link(work, up, "up"),
        ],
    )


def show_refund(work: Work, refund: Refund) -> Json:
    """Return a refund."""
    attempt = work.get(Attempt, refund.attempt)
    order, taken = order_of(work, attempt), capture_of(work, attempt)
    gross = amount.shown(refund.amount, refund.currency)
    return without_empty(
        id=refund.id,
        status=REFUND_STATUS[refund.status],
        amount=gross,
        **({"custom_id": order.about["unit"].get("custom_id")} | _own(refund.about)),
        note_to_payer=refund.about.get("note_to_payer"),
        seller_payable_breakdown={
            "gross_amount": gross,
            "paypal_fee": amount.shown(0, refund.currency),
            "net_amount": gross,
            "total_refunded_amount": amount.shown(attempt.refunded, refund.currency),
        },
        create_time=instant(refund.created),
        update_time=instant(work.now),
        links=[link(work, f"{REFUNDS}/{refund.id}", "self"), link(work, f"{CAPTURES}/{taken.id}", "up")],
    )


def _labels(order: Checkout) -> Json:
    unit = order.about["unit"]
    return {"invoice_id": unit.get("invoice_id"), "custom_id": unit.get("custom_id")}


def _own(about: Json) -> Json:
    return {name: about[name] for name in ("invoice_id", "custom_id") if name in about}


def _related(order: Checkout, attempt: Attempt | None = None) -> Json:
    more = {} if attempt is None else {"authorization_id": attempt.id}
    return {"related_ids": {"order_id": order.id} | more}
