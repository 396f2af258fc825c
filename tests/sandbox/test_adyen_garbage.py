"""Garbage at Adyen's doors is refused in Adyen's words, and never a 500."""

import json

import pytest
from yarl import URL

from tests.sandbox.merchant import Merchant, wish
from tests.sandbox.test_garbage import BODIES

GARBAGE = [
    *BODIES,
    b'{"amount": {"value": 1e400, "currency": "EUR"}}',
    b'{"amount": {"value": true, "currency": "EUR"}}',
    b'{"amount": {"value": 1, "currency": "\\ud800\\ud800\\ud800"}}',
    b'{"merchantAccount": [], "reference": {}, "returnUrl": 1}',
    b'{"lineItems": [{"quantity": "x"}], "metadata": {"a": {}}}',
    json.dumps(wish(lineItems=[{"quantity": 10**20, "amountIncludingTax": 10**20}])).encode(),
    json.dumps(wish(expiresAt="9999-12-31T23:59:59+00:00")).encode(),
    json.dumps(wish(amount={"value": 10**30, "currency": "EUR"})).encode(),
    json.dumps(wish(paymentMethod={"type": "scheme", "encryptedCardNumber": ["4"]})).encode(),
    json.dumps({"details": {"redirectResult": None}}).encode(),
    json.dumps(wish(paymentMethod={"type": "scheme", "storedPaymentMethodId": {"x": 1}})).encode(),
    json.dumps(wish(returnUrl=None, expiresAt="2999-01-01T00:00:00Z")).encode(),
]
PATHS = [
    "checkout/v72/sessions",
    "checkout/v72/payments",
    "checkout/v72/payments/details",
    "checkout/v72/payments/%00/captures",
    "checkout/v72/payments/x/refunds",
    "checkout/v72/cancels",
    "checkout/v72/paymentMethods",
    "checkout/v72/paymentLinks",
    "checkout/v72/paymentLinks/PLX",
    "checkout/v72/storedPaymentMethods",
    "checkout/v72/storedPaymentMethods/x?merchantAccount=a&shopperReference=b",
    "checkout/v72/payments/x/amountUpdates",
    "ca/services/DisputeService/v30/acceptDispute",
    "ca/services/DisputeService/v30/supplyDefenseDocument",
    "reports/download/MerchantAccount/x/%00",
    "management/v3/merchants/x/webhooks",
    "management/v3/merchants/x/webhooks/y/generateHmac",
    "nowhere",
    "",
]


@pytest.mark.parametrize("path", PATHS)
async def test_garbage_is_refused_and_never_a_500(merchant: Merchant, path: str) -> None:
    url = URL(f"{merchant.url}/adyen/{path}", encoded=True)
    statuses = dict[int | str, int]()
    for n, body in enumerate(GARBAGE):
        headers = {
            "X-API-Key": merchant.key,
            "Content-Type": ("application/json", "text/plain", "application/json")[n % 3],
            "Idempotency-Key": ("", "é", "k" * 65, f"fresh{n}")[n % 4],
        }
        async with merchant.http.post(url, data=body, headers=headers) as answer:
            statuses[n] = answer.status
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        headers = {"X-API-Key": merchant.key}
        async with merchant.http.request(method, url, data=b"[", headers=headers) as answer:
            statuses[method] = answer.status

    assert all(status < 500 for status in statuses.values()), statuses
