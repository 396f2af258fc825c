"""Adyen's notifications, written and signed as Adyen does it."""

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

from domain.money import Money
from tests.providers.conftest import MERCHANT, Desk

# Adyen's own example of a signature (its page "Verify HMAC signatures").
KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
SIGNED, SIGNATURE = (
    {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
        "eventDate": "2014-08-06T13:18:51+02:00",
    },
    "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
)
OTHER_KEY = "00" * 32
PAYMENT, REFUND = UUID(int=1), UUID(int=2)


def envelope(*items: dict[str, Any], live: str = "false") -> bytes:
    listed = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": live, "notificationItems": listed}).encode()


def text_of(item: dict[str, Any]) -> bytes:
    """Put together what is signed of an item."""
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    values = [item.get(name, "") for name in names]
    values += [item["amount"]["value"], item["amount"]["currency"], item["eventCode"], item["success"]]
    return ":".join(map(str, values)).encode()


def signature(text: bytes, key: str = KEY) -> str:
    return base64.b64encode(hmac.new(bytes.fromhex(key), text, hashlib.sha256).digest()).decode()


def signed(item: dict[str, Any], key: str = KEY) -> dict[str, Any]:
    about = item.get("additionalData", {})
    return {**item, "additionalData": {**about, "hmacSignature": signature(text_of(item), key)}}


def item(code: str, *, success: bool = True, **more: Any) -> dict[str, Any]:
    """Write what is told of a payment of 25.00 EUR, as Adyen does."""
    return {
        "pspReference": "PSPOFTHEEVENT",
        "originalReference": "PSPOFTHEPAYMENT",
        "merchantAccountCode": MERCHANT,
        "merchantReference": str(PAYMENT),
        "amount": {"value": 2_500, "currency": "EUR"},
        "eventCode": code,
        "eventDate": "2026-11-21T20:15:00+01:00",
        "success": "true" if success else "false",
        "reason": "",
        **more,
    }


def refunding(desk: Desk, ref: str, amount: Money, refund_id: str = str(REFUND), **more: Any) -> Any:
    async def refund() -> Any:
        op_key = f"{refund_id}:refund:1"
        return await desk.gateway.refund(ref, amount, refund_id=refund_id, op_key=op_key, **more)

    return refund
