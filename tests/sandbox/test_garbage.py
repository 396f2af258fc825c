"""Garbage at any door is refused, and never a 500: one suite for every face that the sandbox has."""

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

import aiohttp
import pytest
from yarl import URL

from tests.sandbox import merchant as adyen
from tests.sandbox.conftest import Process, Shop
from tests.sandbox.paypal_merchant import PayPalMerchant

Headers = dict[str, str]

BODIES = [
    b"",
    b"\x00",
    b"\xff\xfe\xfd",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"1e999",
    b"NaN",
    b'{"kind": "slow", "seconds": 1e400}',
    b'{"account": "\\ud800"}',
    b"a[b",
    b"a[][][]=1",
    b"=",
    b"&&&",
    b"%",
    b"a=%ff",
    b"a[" + b"[" * 500 + b"=1",
    b"&".join(b"a%d=1" % n for n in range(2000)),
    b'{"seed": -1}',
    b'{"seconds": -5}',
    b'{"card": 4242424242424242}',
    b"card=%E2%91%A3&expiry=%D9%A1%D9%A2/%D9%A3%D9%A4&cvc=%D9%A1%D9%A2%D9%A3",
]
AT_STRIPE = [
    b"metadata[a][b]=c&amount=1000&currency=eur",
    b"amount=9e9&currency=eur",
    b"amount=1000&currency=\xc3\xa9",
    b"line_items=1",
    b"line_items[x]=1",
    b"line_items[0]=1&mode=payment",
    b"expand=x&amount=100&currency=eur",
    b"expand[0][a]=x&amount=100&currency=eur",
]
AT_ADYEN = [
    b'{"amount": {"value": 1e400, "currency": "EUR"}}',
    b'{"amount": {"value": true, "currency": "EUR"}}',
    b'{"amount": {"value": 1, "currency": "\\ud800\\ud800\\ud800"}}',
    b'{"merchantAccount": [], "reference": {}, "returnUrl": 1}',
    b'{"lineItems": [{"quantity": "x"}], "metadata": {"a": {}}}',
    json.dumps(adyen.wish(lineItems=[{"quantity": 10**20, "amountIncludingTax": 10**20}])).encode(),
    json.dumps(adyen.wish(expiresAt="9999-12-31T23:59:59+00:00")).encode(),
    json.dumps(adyen.wish(amount={"value": 10**30, "currency": "EUR"})).encode(),
    json.dumps(adyen.wish(paymentMethod={"type": "scheme", "encryptedCardNumber": ["4"]})).encode(),
    json.dumps({"details": {"redirectResult": None}}).encode(),
    json.dumps(adyen.wish(paymentMethod={"type": "scheme", "storedPaymentMethodId": {"x": 1}})).encode(),
    json.dumps(adyen.wish(returnUrl=None, expiresAt="2999-01-01T00:00:00Z")).encode(),
]
AT_PAYPAL = [
    b'{"intent": "\\ud800"}',
    b'{"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "EUR", "value": "1e5"}}]}',
    b'{"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "EUR", "value": "%s"}}]}'
    % (b"9" * 32),
    b'{"purchase_units": {"0": {}}}',
    b'[{"op": "replace", "path": "/purchase_units/@reference_id==\'default\'/custom_id"}]',
    b'[{"op": "test", "path": 1}]',
    b'{"sender_batch_header": {"sender_batch_id": ""}, "items": [{}]}',
    b'{"sender_batch_header": {"sender_batch_id": "x"}, "items": [{"amount": {"value": "."}}]}',
    b'{"evidences": [{"evidence_type": "SONG"}]}',
    b'{"url": "http://", "event_types": [{"name": 1}]}',
    b'{"webhook_event": [], "webhook_id": {}}',
]
TYPES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data",
    "nonsense",
]


class Door(NamedTuple):
    """Where garbage is put in, what more of it suits there, and what who may come in shows."""

    paths: Sequence[str]
    more: Sequence[bytes]
    shown: Callable[[Process, aiohttp.ClientSession], Awaitable[Sequence[Headers]]]


def bearing(*beginnings: str) -> Callable[[Process, aiohttp.ClientSession], Awaitable[Sequence[Headers]]]:
    async def shown(_: Process, __: aiohttp.ClientSession) -> Sequence[Headers]:
        tokens = [beginning + secrets.token_hex(12) for beginning in beginnings]
        return [{"Authorization": f"Bearer {token}", "Idempotency-Key": ""} for token in tokens]

    return shown


async def with_adyens_key(sandbox: Process, http: aiohttp.ClientSession) -> Sequence[Headers]:
    key = adyen.Merchant(sandbox.url, http).key
    return [{"X-API-Key": key, "Idempotency-Key": each} for each in ("", "é", "k" * 65)]


async def with_paypals_token(sandbox: Process, http: aiohttp.ClientSession) -> Sequence[Headers]:
    mine = PayPalMerchant(sandbox.url, http)
    await mine.log_in()
    login = base64.b64encode(f"{mine.client}:{mine.secret}".encode()).decode()
    return [
        {"Authorization": f"Bearer {mine.token}"},
        {"Authorization": f"Bearer {mine.token}", "PayPal-Request-Id": "k" * 109},
        {"Authorization": f"Bearer {mine.token}", "PayPal-Mock-Response": '{"mock": ['},
        {"Authorization": f"Basic {login}"},
        {"Authorization": "Bearer A21AA.é"},
    ]


DOORS = {
    "stripe": Door(
        [
            "/stripe/v1/payment_intents",
            "/stripe/v1/payment_intents/x/confirm",
            "/stripe/v1/checkout/sessions",
            "/stripe/v1/refunds",
            "/stripe/v1/customers",
            "/stripe/v1/disputes/x",
            "/stripe/v1/disputes/x/close",
            "/stripe/v1/accounts",
            "/stripe/v1/transfers",
            "/stripe/v1/transfers/x/reversals",
            "/stripe/v1/payouts",
            "/stripe/v1/webhook_endpoints",
            "/stripe/v1/%00",
            "/stripe",
            "//stripe//v1",
        ],
        AT_STRIPE,
        bearing("sk_test_"),
    ),
    "adyen": Door(
        [
            "/adyen/checkout/v72/sessions",
            "/adyen/checkout/v72/payments",
            "/adyen/checkout/v72/payments/details",
            "/adyen/checkout/v72/payments/%00/captures",
            "/adyen/checkout/v72/payments/x/refunds",
            "/adyen/checkout/v72/payments/x/amountUpdates",
            "/adyen/checkout/v72/cancels",
            "/adyen/checkout/v72/paymentMethods",
            "/adyen/checkout/v72/paymentLinks",
            "/adyen/checkout/v72/paymentLinks/PLX",
            "/adyen/checkout/v72/storedPaymentMethods",
            "/adyen/checkout/v72/storedPaymentMethods/x?merchantAccount=a&shopperReference=b",
            "/adyen/ca/services/DisputeService/v30/acceptDispute",
            "/adyen/ca/services/DisputeService/v30/supplyDefenseDocument",
            "/adyen/reports/download/MerchantAccount/x/%00",
            "/adyen/management/v3/merchants/x/webhooks",
            "/adyen/management/v3/merchants/x/webhooks/y/generateHmac",
            "/adyen/nowhere",
            "/adyen",
        ],
        AT_ADYEN,
        with_adyens_key,
    ),
    "paypal": Door(
        [
            "/paypal/v1/oauth2/token",
            "/paypal/v2/checkout/orders",
            "/paypal/v2/checkout/orders/x",
            "/paypal/v2/checkout/orders/%00/capture",
            "/paypal/v2/payments/authorizations/x/capture",
            "/paypal/v2/payments/captures/x/refund",
            "/paypal/v1/payments/payouts",
            "/paypal/v1/payments/payouts/x",
            "/paypal/v1/payments/payouts-item/x/cancel",
            "/paypal/v1/customer/disputes",
            "/paypal/v1/customer/disputes/x/provide-evidence",
            "/paypal/v1/customer/disputes/x/adjudicate",
            "/paypal/v1/notifications/webhooks",
            "/paypal/v1/notifications/certs/x",
            "/paypal/v1/notifications/verify-webhook-signature",
            "/paypal/v2/nothing",
            "/paypal",
        ],
        AT_PAYPAL,
        with_paypals_token,
    ),
    "sendgrid": Door(["/sendgrid/v3/mail/send", "/sendgrid"], (), bearing("SG.garbage.")),
    "control": Door(
        [
            "/_sandbox/faults",
            "/_sandbox/clock/advance",
            "/_sandbox/reset",
            "/_sandbox/checkout/x/pay",
            "/_sandbox/payment_intents/x/pay",
            "/_sandbox/deliveries/drain",
            "/_sandbox/deliveries/x/redeliver",
            "/_sandbox/events/x/redeliver",
            "/_sandbox/seed",
            "/_sandbox/payments/x/challenge",
            "/_sandbox/payments/x/settle",
            "/_sandbox/payments/x/dispute",
            "/_sandbox/payments/x/refund",
            "/_sandbox/payments/x/reverse",
            "/_sandbox/disputes/x/decide",
            "/_sandbox/accounts/sk_test_garbage/bank",
            "/_sandbox/accounts/x/payments",
            "/_sandbox/accounts/%F0%9F%98%80/events",
        ],
        (),
        bearing("sk_test_"),
    ),
    "pages": Door(
        [
            "/pay/x",
            "/pay/x/challenge",
            "/pay/x/bank",
            "/mailbox",
            "/mailbox/x",
            "/mailbox/%ff",
            "/mailbox/x/attachments/-1",
            "/accounts/x",
            "/",
            "/nowhere",
        ],
        (),
        bearing("sk_test_"),
    ),
}


def wishes(door: Door, path: str, shown: Sequence[Headers]) -> Iterator[tuple[str, bytes, Headers]]:
    """Put everything in, but for a wish that a door would rightly grant."""
    for n, body in enumerate([*BODIES, *door.more]):
        if path == "/_sandbox/reset" and body == b"":
            continue
        headers = shown[n % len(shown)]
        for method, kind in (("POST", TYPES[n % len(TYPES)]), ("POST", TYPES[0]), ("PATCH", TYPES[0])):
            yield method, body, {"Content-Type": kind, **headers}
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        yield method, b"[", shown[0]


EVERYWHERE = [(name, path) for name, door in DOORS.items() for path in door.paths]


@pytest.mark.parametrize(("name", "path"), EVERYWHERE)
async def test_garbage_is_never_a_500(
    sandbox: Process, http: aiohttp.ClientSession, name: str, path: str
) -> None:
    door, url = DOORS[name], URL(sandbox.url + path, encoded=True)
    broken = list[tuple[str, bytes, Headers]]()
    for wish in wishes(door, path, await door.shown(sandbox, http)):
        method, body, headers = wish
        async with http.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
            if answer.status >= 500:
                broken.append(wish)

    assert broken == []


async def test_id_of_something_else_is_nobodys(shop: Shop, http: aiohttp.ClientSession) -> None:
    session, intent = await shop.session(), await shop.paid(capture_method="manual")
    for method, path in (
        ("POST", f"/_sandbox/checkout/{intent.id}/pay"),
        ("POST", f"/_sandbox/payment_intents/{session.id}/pay"),
        ("POST", f"/_sandbox/payments/{session.id}/challenge"),
        ("POST", f"/_sandbox/payments/{session.id}/settle"),
        ("POST", f"/_sandbox/events/{session.id}/redeliver"),
        ("POST", f"/pay/{session.id}/bank"),
        ("GET", f"/pay/{intent.id}"),
        ("GET", f"/pay/{session.id}/challenge"),
        ("GET", f"/mailbox/{session.id}"),
    ):
        async with http.request(method, shop.url + path, json={} if method == "POST" else None) as answer:
            assert answer.status == 404, path


@pytest.mark.parametrize(
    "query",
    [
        "a=%ff",
        "a[",
        "limit=%00",
        "expand[]=%F0%9F",
        "created[gte]=x",
        "limit=" + "9" * 5000,
        "starting_after=%00",
        "type=%5B%5B%2A",
        "delivery_success=maybe",
    ],
)
async def test_garbage_in_a_query_is_refused(shop: Shop, http: aiohttp.ClientSession, query: str) -> None:
    for path in (
        "/paypal/v1/reporting/transactions",
        "/paypal/v1/notifications/webhooks-events",
        "/paypal/v1/customer/disputes",
        "/stripe/v1/events",
        "/stripe/v1/payment_intents",
        "/mailbox",
        "/_sandbox/deliveries",
        "/_sandbox/clock",
    ):
        url = URL(f"{shop.url}{path}?{query}", encoded=True)
        async with http.get(url, headers={"Authorization": f"Bearer {shop.key}"}) as answer:
            assert answer.status < 500
            assert answer.status >= 400 or not path.startswith("/stripe/v1/payment_intents"), query
