"""Captures, cancels, refunds and reversals: taken at once with a reference of their own, done a moment later.

Whether one succeeded is told by a notification alone. A fault `outcome_fails` on its route has it fail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from sandbox import capture as captures, payment as payments, refund as refunds
from sandbox.adyen import money, split
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import invalid
from sandbox.adyen.payment import of_psp
from sandbox.payment import Attempt, Payment
from sandbox.record import Json, Record
from sandbox.work import Work

Kind = Literal["capture", "refund", "cancel", "reversal", "technical_cancel", "amount_update"]
JOB = "adyen.modify"
PATHS = {
    "capture": "captures",
    "refund": "refunds",
    "cancel": "cancels",
    "reversal": "reversals",
    "amount_update": "amountUpdates",
}


@dataclass(kw_only=True)
class Modification(Record):
    """What a merchant has asked of a payment, and how it is divided (none: nobody said); `reason`: why it
    failed, `action`: what a reversal became.
    """

    kind: ClassVar[str] = "modification"

    of: str | None
    what: Kind
    amount: int | None
    currency: str | None
    reference: str | None
    merchant: str
    payment_reference: str | None = None
    splits: list[Json] | None = None
    status: Literal["received", "done", "failed"] = "received"
    reason: str = ""
    action: str = ""

    @property
    def parent(self) -> str | None:
        """Return the payment's pspReference."""
        return self.of


def capture(call: Call) -> Reply:
    """Ask to take money that is held."""
    return _of_payment(call, "capture")


def refund(call: Call) -> Reply:
    """Ask to give money back."""
    return _of_payment(call, "refund")


def cancel(call: Call) -> Reply:
    """Ask to release money that is held."""
    return _of_payment(call, "cancel")


def reversal(call: Call) -> Reply:
    """Ask to release the money or to give it back, whichever it needs."""
    return _of_payment(call, "reversal")


def amount_update(call: Call) -> Reply:
    """Ask to hold another amount."""
    return _of_payment(call, "amount_update")


def technical_cancel(call: Call) -> Reply:
    """Ask to release what was authorised under the merchant's own reference."""
    reference = call.params["paymentReference"]
    found = [
        each
        for each in call.work.store.all(Payment, call.work.account.id)
        if each.about.get("reference") == reference and each.attempt is not None
    ]
    for payment in found:
        call.merchant_of(payment.about)
    asked = _ask(call, "technical_cancel", found[-1].attempt if found else None)
    asked.payment_reference = reference
    call.work.save(asked)
    return _received(asked, {"paymentReference": reference})


def _of_payment(call: Call, what: Kind) -> Reply:
    payment, _ = of_psp(call.work, call.id)
    call.merchant_of(payment.about)
    asked = _ask(call, what, call.id)
    if what == "refund":
        split.of_original(asked.splits or [], payment.about.get("splits", []))
    more: Json = {"paymentPspReference": call.id}
    if asked.amount is not None:
        if asked.currency != payment.currency:
            raise invalid("138", "Unsupported currency specified")
        more["amount"] = {"currency": asked.currency, "value": asked.amount}
    return _received(asked, more)


def _ask(call: Call, what: Kind, of: str | None) -> Modification:
    work, params = call.work, call.params
    value, currency = money.checked(params["amount"]) if "amount" in params else (None, None)
    asked = Modification(
        id=work.new_id("modification"),
        account=work.account.id,
        created=work.now,
        of=of,
        what=what,
        amount=value,
        currency=currency,
        reference=params.get("reference"),
        merchant=params["merchantAccount"],
        splits=split.judged(params) if "splits" in params else None,
    )
    work.add(asked)
    work.later(JOB, asked.id, work.now)
    return asked


def _received(asked: Modification, more: Json) -> Reply:
    body: Json = {"merchantAccount": asked.merchant, "pspReference": asked.id, "status": "received", **more}
    return Reply(body | ({"reference": asked.reference} if asked.reference else {}), 201, asked.id)


def perform(work: Work, modification_id: str) -> None:
    """Do what was asked, or find that it cannot be done, and tell."""
    asked = work.get(Modification, modification_id)
    asked.reason = _ordered_failure(work, asked) or _WORK[asked.what](work, asked)
    asked.status = "failed" if asked.reason else "done"
    work.save(asked)
    if asked.status == "failed" or not _comes_later(work, asked):
        work.tell("modification.ended", asked)


def _ordered_failure(work: Work, asked: Modification) -> str:
    route = "/cancels" if asked.of is None else f"/payments/{asked.of}/{PATHS.get(asked.what, 'cancels')}"
    fault = work.world.faults.of_outcome(work.account.provider, work.account.id, f"POST /v72{route}")
    return "" if fault is None else "Failed by order"


def _comes_later(work: Work, asked: Modification) -> bool:
    """Return whether a refund is still on its way to the shopper."""
    mine = [each for each in _refunds(work, asked) if each.about["modification"] == asked.id]
    return any(each.status == "pending" for each in mine)


def _refunds(work: Work, asked: Modification) -> list[refunds.Refund]:
    return [] if asked.of is None else work.store.children(refunds.Refund, asked.of)


def _capture(work: Work, asked: Modification) -> str:
    payment = _payment(work, asked)
    is_first = payment.status == "authorized"
    held = payment.authorized if is_first else payment.left_held
    if not held:
        return "Payment is not authorised, or captured already"
    if asked.amount is None or asked.amount > held:
        return "Insufficient balance on payment"
    if is_first:
        _divide(payment, asked, of=payment.authorized)
        payments.capture(work, payment, asked.amount, keeps=captures.are_several(work))
    else:
        payment.about["splits"] = [*payment.about.get("splits", []), *(asked.splits or [])]
        captures.take_more(work, payment, asked.amount, split.parts(asked.splits or []))
    return ""


def _cancel(work: Work, asked: Modification) -> str:
    if asked.of is None:
        return "Transaction not found"
    payment = _payment(work, asked)
    if payment.status != "authorized":
        return "Transaction hasn't been authorised, or is captured already"
    payments.cancel(work, payment, "requested")
    return ""


def _adjust(work: Work, asked: Modification) -> str:
    payment = _payment(work, asked)
    if payment.status != "authorized" or asked.amount is None:
        return "Payment is not authorised, or captured already"
    _divide(payment, asked, of=payment.authorized)
    payment.amount = payment.authorized = asked.amount
    work.save(payment)
    return ""


def _refund(work: Work, asked: Modification) -> str:
    payment = _payment(work, asked)
    left = payment.captured - payment.refunded
    if asked.amount is None or payment.status != "captured" or asked.amount > left:
        return "Insufficient balance on payment"
    _give_back(work, payment, asked, asked.amount)
    return ""


def _reverse(work: Work, asked: Modification) -> str:
    payment = _payment(work, asked)
    if payment.status == "authorized":
        asked.action = "cancel"
        return _cancel(work, asked)
    asked.action = "refund"
    if payment.status != "captured" or payment.refunded:
        return "Transaction cannot be reversed"
    _give_back(work, payment, asked, payment.captured)
    return ""


def _give_back(work: Work, payment: Payment, asked: Modification, amount: int) -> None:
    about, parts = {"modification": asked.id}, None if asked.splits is None else split.parts(asked.splits)
    refunds.create(work, payment, amount, reason=None, metadata={}, about=about, parts=parts)


def _divide(payment: Payment, asked: Modification, *, of: int) -> None:
    """Divide it as is asked now; another amount than before, of which nobody says how, not at all."""
    if asked.splits is not None or asked.amount != of:
        payment.about["splits"] = asked.splits or []
        payment.parts = split.parts(payment.about["splits"])


def _payment(work: Work, asked: Modification) -> Payment:
    return work.get(Payment, work.get(Attempt, asked.of or "").payment)


_WORK: dict[Kind, Callable[[Work, Modification], str]] = {
    "capture": _capture,
    "refund": _refund,
    "cancel": _cancel,
    "reversal": _reverse,
    "technical_cancel": _cancel,
    "amount_update": _adjust,
}
