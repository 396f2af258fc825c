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

from sandbox.adyen import refusal
from sandbox.adyen.modification import Modification
from sandbox.adyen.payment import brand_of
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
    text = ":".join(map(str, values))
    return base64.b64encode(hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).digest()).decode()


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
    told = {
        "cardSummary": method.behaviour.last4,
        "expiryDate": "3/2030",
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
        reason=f"000000:{about['cardSummary']}:03/2030",
        additionalData={**about, **_labels(payment)},
    )


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
    return labels | ({"checkoutSessionId": payment.about["session"]} if "session" in payment.about else {})


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


def _arrived(work: Work, refund: Any) -> Iterable[Json]:
    return _ended(work, work.get(Modification, refund.about["modification"]))


def _came_back(work: Work, refund: Refund) -> Iterable[Json]:
    asked = work.get(Modification, refund.about["modification"])
    item = _of_modification(work, work.get(Payment, refund.payment), asked, "REFUND_FAILED")
    yield {**item, "reason": "Refund failed at the issuer"}


def _lapsed(work: Work, attempt: Any) -> Iterable[Json]:
    payment = work.get(Payment, attempt.payment)
    yield _item(
        work, "EXPIRE", payment, pspReference=work.new_id("modification"), originalReference=attempt.id
    )


def _capture_lost(work: Work, attempt: Any) -> Iterable[Json]:
    yield _item(
        work,
        "CAPTURE_FAILED",
        work.get(Payment, attempt.payment),
        pspReference=work.new_id("modification"),
        originalReference=attempt.id,
        reason="Capture Failed",
    )


def _charged_back(work: Work, attempt: Any) -> Iterable[Json]:
    payment, psp = work.get(Payment, attempt.payment), work.new_id("modification")
    for code in ("NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK"):
        yield _item(
            work,
            code,
            payment,
            pspReference=psp,
            originalReference=attempt.id,
            reason="Other Fraud-Card Absent Environment",
            additionalData={"chargebackReasonCode": "10.4", "chargebackSchemeCode": "visa"},
        )


_TELLS: dict[str, Callable[[Work, Any], Iterable[Json]]] = {
    "attempt.authorized": _authorised,
    "attempt.succeeded": _authorised,
    "attempt.lapsed": _lapsed,
    "attempt.capture_lost": _capture_lost,
    "attempt.charged_back": _charged_back,
    "payment.declined": _declined,
    "modification.ended": _ended,
    "refund.succeeded": _arrived,
    "refund.failed": _came_back,
}
