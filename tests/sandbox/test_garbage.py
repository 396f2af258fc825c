"""Garbage at any door is refused and never a 500."""

import aiohttp
import pytest
from yarl import URL

from tests.sandbox.conftest import Shop

PATHS = [
    "/stripe/v1/payment_intents",
    "/stripe/v1/checkout/sessions",
    "/stripe/v1/refunds",
    "/stripe/v1/webhook_endpoints",
    "/stripe/v1/payment_intents/x/confirm",
    "/stripe/v1/customers",
    "/sendgrid/v3/mail/send",
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
    "/_sandbox/accounts/sk_test_garbage/bank",
    "/pay/x",
    "/pay/x/challenge",
    "/pay/x/bank",
    "/mailbox",
    "/mailbox/x",
    "/",
    "/nowhere",
    "/accounts/x",
    "/_sandbox/accounts/x/payments",
    "/stripe",
    "/sendgrid",
    "//stripe//v1",
    "/stripe/v1/%00",
    "/mailbox/%ff",
    "/_sandbox/accounts/%F0%9F%98%80/events",
    "/mailbox/x/attachments/-1",
]
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
    b"amount=9e9&currency=eur",
    b"a[" + b"[" * 500 + b"=1",
    b"&".join(b"a%d=1" % n for n in range(2000)),
    b'{"seed": -1}',
    b'{"seconds": -5}',
    b'{"card": 4242424242424242}',
    b"metadata[a][b]=c&amount=1000&currency=eur",
    b"amount=1000&currency=\xc3\xa9",
    b"card=%E2%91%A3&expiry=%D9%A1%D9%A2/%D9%A3%D9%A4&cvc=%D9%A1%D9%A2%D9%A3",
    b"line_items=1",
    b"line_items[x]=1",
    b"line_items[0]=1&mode=payment",
    b"expand=x&amount=100&currency=eur",
    b"expand[0][a]=x&amount=100&currency=eur",
]
TYPES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data",
    "nonsense",
]


@pytest.mark.parametrize("path", PATHS)
async def test_garbage_is_never_a_500(shop: Shop, http: aiohttp.ClientSession, path: str) -> None:
    async def ask(method: str, body: bytes, content_type: str, key: str) -> int:
        headers = {"Content-Type": content_type, "Authorization": f"Bearer {key}", "Idempotency-Key": ""}
        url = URL(shop.url + path, encoded=True)
        async with http.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status

    wishes = [
        (method, body, TYPES[n % len(TYPES)], key)
        for n, body in enumerate(BODIES)
        for method in ("POST", "PUT")
        for key in (shop.key, "SG.garbage.key")
        if not (path == "/_sandbox/reset" and body in (b"", b"{}"))
    ]
    wishes += [(method, b"", TYPES[0], shop.key) for method in ("GET", "DELETE", "PATCH", "HEAD", "OPTIONS")]

    statuses = [await ask(*wish) for wish in wishes]

    assert all(status < 500 for status in statuses), dict(zip(wishes, statuses, strict=True))


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
