"""Standard notifications: what Adyen tells of a happening, how items are signed, and how they are packed.

Source: Adyen, "Webhook structure and types" and "Verify HMAC signatures".
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.adyen import refusal, stored_method
from sandbox.adyen.modification import Modification
from sandbox.adyen.typed import brand_of
from sandbox.checkout import Checkout
from sandbox.dispute import Dispute
from sandbox.payment import Attempt, Method, Payment
from sandbox.record import Json, Record
from sandbox.refund import Refund
from sandbox.work import Work

CODES = {
    "capture": "CAPTURE",
    "refund": "REFUND",
    "cancel": "CANCELLATION",
    "reversal": "CANCEL_OR_REFUND",
    "technical_cancel": "TECHNICAL_CANCEL",
    "amount_update": "AUTHORISATION_ADJUSTMENT",
}
RISKS = {"riskLevelElevated": (70, "AMBER"), "radarBlock": (95, "RED"), "riskLevelHighest": (95, "RED")}
SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")


def items(work: Work, happening: str, record: Record) -> Iterable[Json]:
    """Return the items that tell of a happening; most happenings tell nothing."""
    tell = _TELLS.get(happening)
    return () if tell is None else tell(work, record)


def signature(item: Json, key: str) -> str:
    """Return an item's signature under a key in hexadecimal."""
    amount = item["amount"]
    values = [item.get(name, "") for name in SIGNED]
    values += [amount["value"], amount["currency"], item["eventCode"], item["success"]]
    return signed(":".join(map(str, values)).encode(), key)


def signed(text: bytes, key: str) -> str:
    """Return the signature of a text under a key in hexadecimal."""
    return base64.b64encode(hmac.new(bytes.fromhex(key), text, hashlib.sha256).digest()).decode()


def packed(bodies: Iterable[bytes], key: str) -> bytes:
    """Return one delivery of several notifications, each signed under the key."""
    told = [json.loads(body) for body in bodies]
    for item in told:
        item["additionalData"] = {**item.get("additionalData", {}), "hmacSignature": signature(item, key)}
    listed = [{"NotificationRequestItem": item} for item in told]
    return json.dumps({"live": "false", "notificationItems": listed}, separators=(", ", ":")).encode()


def _item(work: Work, code: str, payment: Payment, **more: Any) -> Json:
    return {
        "eventCode": code,
        "eventDate": datetime.fromtimestamp(work.now, UTC).isoformat(),
        "success": "true",
        "merchantAccountCode": payment.about["merchant"],
        "merchantReference": payment.about["reference"],
        "amount": {"currency": payment.currency, "value": payment.amount},
        "reason": "",
        **more,
    }


def _method(work: Work, method_id: str) -> tuple[Json, str]:
    """Return what an item says of the means of payment, and what it is called."""
    method = work.get(Method, method_id)
    score, result = RISKS.get(method.behaviour.name, (20, "GREEN"))
    card = {"cardSummary": method.behaviour.last4, "expiryDate": "3/2030"} if method.type == "card" else {}
    told = {
        **card,
        "fraudResultType": result,
        "totalFraudScore": str(score),
        "fraudManualReview": "true" if result == "AMBER" else "false",
    }
    return told, brand_of(method)


def _authorised(work: Work, attempt: Any) -> Iterable[Json]:
    payment = work.get(Payment, attempt.payment)
    about, brand = _method(work, attempt.method)
    yield _item(
        work,
        "AUTHORISATION",
        payment,
        pspReference=attempt.id,
        paymentMethod=brand,
        operations=["CANCEL", "CAPTURE", "REFUND"],
        reason=f"000000:{about['cardSummary']}:03/2030" if "cardSummary" in about else "",
        additionalData={**about, **_labels(payment), **_kept(work, payment, attempt.method)},
    )


def _kept(work: Work, payment: Payment, method_id: str) -> Json:
    """Tell of the card that a session keeps as it is paid with."""
    owner = None if payment.checkout is None else work.get(Checkout, payment.checkout).keeps_for
    if owner is None or work.get(Method, method_id).type != "card":
        return {}
    return stored_method.told(owner, method_id)


def _declined(work: Work, payment: Any) -> Iterable[Json]:
    about, brand = _method(work, payment.decline["method"])
    yield _item(
        work,
        "AUTHORISATION",
        payment,
        pspReference=payment.decline.get("attempt") or work.new_id("attempt"),
        paymentMethod=brand,
        success="false",
        reason=refusal.of(payment.decline).reason,
        additionalData={**about, **_labels(payment)},
    )


def _labels(payment: Payment) -> Json:
    labels = {f"metadata.{name}": value for name, value in payment.metadata.items()}
    for name, told in (("session", "checkoutSessionId"), ("link", "paymentLinkId")):
        if name in payment.about:
            labels[told] = payment.about[name]
    return labels


def _ended(work: Work, asked: Any) -> Iterable[Json]:
    """Tell what became of a modification; a cancel by reference that found no payment is not told of."""
    if asked.of is None:
        return
    payment = work.get(Payment, work.get(Attempt, asked.of).payment)
    yield _of_modification(work, payment, asked, CODES[asked.what])


def _of_modification(work: Work, payment: Payment, asked: Modification, code: str) -> Json:
    item = _item(
        work,
        code,
        payment,
        pspReference=asked.id,
        originalReference=asked.of,
        success="false" if asked.status == "failed" else "true",
        reason=asked.reason,
    )
    if asked.amount is not None:
        item["amount"] = {"currency": asked.currency, "value": asked.amount}
    if asked.reference:
        item["merchantReference"] = asked.reference
    if asked.action:
        item["additionalData"] = {"modification.action": asked.action}
    return item


def _given_back(work: Work, refund: Any) -> Iterable[Json]:
    """Tell of a refund that nobody asked for by the API, unless it is still on its way."""
    if "modification" not in refund.about and refund.status == "succeeded":
        yield _of_desk(work, refund, "REFUND")


def _arrived(work: Work, refund: Any) -> Iterable[Json]:
    if "modification" not in refund.about:
        return _given_back(work, refund)
    return _ended(work, work.get(Modification, refund.about["modification"]))


def _came_back(work: Work, refund: Refund) -> Iterable[Json]:
    code = "REFUNDED_REVERSED" if refund.returned else "REFUND_FAILED"
    if "modification" in refund.about:
        asked = work.get(Modification, refund.about["modification"])
        item = _of_modification(work, work.get(Payment, refund.payment), asked, code)
    else:
        item = _of_desk(work, refund, code)
    yield {**item, "reason": "Refund failed at the issuer"}


def _of_desk(work: Work, refund: Refund, code: str) -> Json:
    return _item(
        work,
        code,
        work.get(Payment, refund.payment),
        pspReference=refund.id,
        originalReference=refund.attempt,
        amount={"currency": refund.currency, "value": refund.amount},
    )


def _lapsed(work: Work, attempt: Any) -> Iterable[Json]:
    payment = work.get(Payment, attempt.payment)
    yield _item(
        work, "EXPIRE", payment, pspReference=work.new_id("modification"), originalReference=attempt.id
    )


def _capture_lost(work: Work, attempt: Any) -> Iterable[Json]:
    """Tell of each capture that failed, and of money that was taken without one."""
    payment, why = work.get(Payment, attempt.payment), "Capture Failed"
    asked = [each for each in work.store.children(Modification, attempt.id) if _is_capture(each)]
    for each in asked:
        yield {**_of_modification(work, payment, each, "CAPTURE_FAILED"), "reason": why}
    if not asked:
        psp = work.new_id("modification")
        yield _item(
            work, "CAPTURE_FAILED", payment, pspReference=psp, originalReference=attempt.id, reason=why
        )


def _is_capture(asked: Modification) -> bool:
    return asked.what == "capture" and asked.status == "done"


def _disputed(work: Work, dispute: Dispute, code: str) -> Json:
    return _item(
        work,
        code,
        work.get(Payment, dispute.payment),
        pspReference=dispute.id,
        originalReference=dispute.attempt,
        amount={"currency": dispute.currency, "value": dispute.amount},
        reason="Other Fraud-Card Absent Environment" if dispute.reason == "fraudulent" else dispute.reason,
        additionalData={
            "chargebackReasonCode": "10.4",
            "chargebackSchemeCode": "visa",
            "defendable": "true" if dispute.status in ("inquiry", "needs_response") else "false",
            "defensePeriodEndsAt": datetime.fromtimestamp(dispute.due, UTC).isoformat(),
        },
    )


def _announced(work: Work, dispute: Any) -> Iterable[Json]:
    inquiry = dispute.status == "inquiry"
    yield _disputed(work, dispute, "REQUEST_FOR_INFORMATION" if inquiry else "NOTIFICATION_OF_CHARGEBACK")


def _withdrawn(work: Work, dispute: Any) -> Iterable[Json]:
    yield _disputed(work, dispute, "CHARGEBACK" if len(dispute.movements) == 1 else "SECOND_CHARGEBACK")


def _reinstated(work: Work, dispute: Any) -> Iterable[Json]:
    yield _disputed(work, dispute, "CHARGEBACK_REVERSED")


def _answered(work: Work, dispute: Any) -> Iterable[Json]:
    """Tell that evidence was handed in, or that an inquiry has become a dispute."""
    again = dispute.status == "needs_response"
    yield _disputed(work, dispute, "NOTIFICATION_OF_CHARGEBACK" if again else "INFORMATION_SUPPLIED")


def _decided(work: Work, dispute: Any) -> Iterable[Json]:
    """Tell how a dispute ended; of an inquiry that was closed nothing is told."""
    code = {"won": "PREARBITRATION_WON", "lost": "PREARBITRATION_LOST"}.get(dispute.status)
    if code == "PREARBITRATION_LOST" and not dispute.submissions:
        code = "DISPUTE_DEFENSE_PERIOD_ENDED"
    if code is not None:
        yield _disputed(work, dispute, code)


def _available(work: Work, report: Any) -> Iterable[Json]:
    path = f"adyen/reports/download/MerchantAccount/{report.merchant}/{report.name}"
    yield {
        "eventCode": "REPORT_AVAILABLE",
        "eventDate": datetime.fromtimestamp(work.now, UTC).isoformat(),
        "success": "true",
        "merchantAccountCode": report.merchant,
        "merchantReference": "",
        "pspReference": report.name,
        "amount": {"currency": "EUR", "value": 0},
        "reason": f"{work.world.public_url}/{path}",
    }


_TELLS: dict[str, Callable[[Work, Any], Iterable[Json]]] = {
    "attempt.authorized": _authorised,
    "attempt.succeeded": _authorised,
    "attempt.lapsed": _lapsed,
    "attempt.capture_lost": _capture_lost,
    "payment.declined": _declined,
    "dispute.created": _announced,
    "dispute.updated": _answered,
    "dispute.funds_withdrawn": _withdrawn,
    "dispute.funds_reinstated": _reinstated,
    "dispute.closed": _decided,
    "modification.ended": _ended,
    "refund.created": _given_back,
    "refund.succeeded": _arrived,
    "refund.failed": _came_back,
    "report.available": _available,
}
