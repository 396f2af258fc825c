"""Whatever is done in whatever order, the books add up; garbage is refused and never a 500."""

import asyncio
import random
from typing import Any

import aiohttp
import pytest
import stripe

from tests.sandbox.conftest import Shop

CARDS = [
    "pm_card_visa", "pm_card_visa", "pm_card_refundFail", "pm_card_pendingRefund", "pm_card_visa_chargeDeclined",
    "pm_card_threeDSecure2Required",
]  # fmt: skip


async def some_step(shop: Shop, chance: random.Random, intents: list[str]) -> None:
    """Do one thing or another, sensible or not."""
    calls, refunds = shop.stripe.v1.payment_intents, shop.stripe.v1.refunds
    intent = chance.choice(intents) if intents else ""
    step = chance.randrange(9)
    if step <= 2 or not intents:
        manual = chance.random() < 0.4
        made = await calls.create_async({
            "amount": chance.randrange(50, 9000), "currency": chance.choice(["eur", "eur", "gbp"]),
            "capture_method": "manual" if manual else "automatic_async",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        })  # fmt: skip
        intents.append(made.id)
        await calls.confirm_async(made.id, {"payment_method": chance.choice(CARDS)})
    elif step == 3:
        await calls.capture_async(intent, {"amount_to_capture": chance.randrange(1, 9000)})
    elif step == 4:
        await calls.cancel_async(intent)
    elif step == 5:
        await calls.confirm_async(intent, {"payment_method": "pm_card_visa"})
    elif step == 6:
        await shop.control("POST", f"/payments/{intent}/challenge", code=chance.choice(["123456", "0"]))
    else:
        await refunds.create_async({"payment_intent": intent, "amount": chance.randrange(1, 900)})


@pytest.mark.parametrize("seed", range(6))
async def test_books_add_up_after_any_sequence_of_operations(shop: Shop, seed: int) -> None:
    chance, intents = random.Random(seed), []  # noqa: S311 (no secret)
    allowed = (
        stripe.CardError,
        stripe.InvalidRequestError,
        AssertionError,
    )  # the control API refuses by status

    for _ in range(60):
        try:
            await some_step(shop, chance, intents)
        except allowed:
            continue
    await shop.advance(3600)

    payments = await shop.payments()  # makes the sandbox check its own entries
    lines = (await shop.stripe.v1.balance_transactions.list_async({"limit": 100})).auto_paging_iter()
    net: dict[str, int] = {}
    fees: dict[str, int] = {}
    async for line in lines:
        net[line.currency] = net.get(line.currency, 0) + line.net
        fees[line.currency] = fees.get(line.currency, 0) + line.fee
    assert net
    for currency, total in net.items():
        kept = sum(each["captured"] - each["refunded"] for each in payments if each["currency"] == currency)
        assert total == kept - fees[currency]
    for each in payments:
        assert 0 <= each["refunded"] <= each["captured"] <= each["authorized"] <= each["amount"]
    assert (await shop.control("GET", "/health"))["status"] == "ok"


PATHS = [
    "/stripe/v1/payment_intents", "/stripe/v1/checkout/sessions", "/stripe/v1/refunds", "/stripe/v1/webhook_endpoints",
    "/stripe/v1/payment_intents/x/confirm", "/stripe/v1/customers", "/sendgrid/v3/mail/send", "/_sandbox/faults",
    "/_sandbox/clock/advance", "/_sandbox/reset", "/_sandbox/checkout/x/pay", "/_sandbox/payment_intents/x/pay",
    "/_sandbox/deliveries/drain", "/_sandbox/deliveries/x/redeliver", "/_sandbox/events/x/redeliver", "/_sandbox/seed",
    "/_sandbox/payments/x/challenge", "/pay/x", "/pay/x/challenge", "/mailbox", "/mailbox/x", "/", "/nowhere",
    "/accounts/x", "/_sandbox/accounts/x/payments", "/stripe", "/sendgrid", "//stripe//v1", "/stripe/v1/%00", "/mailbox/%ff",
    "/_sandbox/accounts/%F0%9F%98%80/events", "/mailbox/x/attachments/-1",
]  # fmt: skip
BODIES = [
    b"", b"\x00", b"\xff\xfe\xfd", b"{", b"[]", b"null", b'"x"', b"1e999", b"NaN", b'{"kind": "slow", "seconds": 1e400}',
    b'{"account": "\\ud800"}', b"a[b", b"a[][][]=1", b"=", b"&&&", b"%", b"a=%ff", b"amount=9e9&currency=eur",
    b"a[" + b"[" * 500 + b"=1", b"&".join(b"a%d=1" % n for n in range(2000)), b'{"seed": -1}', b'{"seconds": -5}',
    b'{"card": 4242424242424242}', b"metadata[a][b]=c&amount=1000&currency=eur", b"amount=1000&currency=\xc3\xa9",
    b"card=%E2%91%A3&expiry=%D9%A1%D9%A2/%D9%A3%D9%A4&cvc=%D9%A1%D9%A2%D9%A3", b"line_items=1", b"line_items[x]=1",
    b"line_items[0]=1&mode=payment", b"expand=x&amount=100&currency=eur", b"expand[0][a]=x&amount=100&currency=eur",
]  # fmt: skip
TYPES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data",
    "nonsense",
]


@pytest.mark.parametrize("path", PATHS)
async def test_garbage_is_never_a_500(shop: Shop, http: aiohttp.ClientSession, path: str) -> None:
    from yarl import URL

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


@pytest.mark.parametrize("query", ["a=%ff", "a[", "limit=%00", "expand[]=%F0%9F", "created[gte]=x", "limit=" + "9" * 5000,
                                   "starting_after=%00", "type=%5B%5B%2A", "delivery_success=maybe"])  # fmt: skip
async def test_garbage_in_a_query_is_refused(shop: Shop, http: aiohttp.ClientSession, query: str) -> None:
    from yarl import URL

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


async def test_hundred_buyers_at_once_are_all_served(shop: Shop) -> None:
    async def buy(n: int) -> Any:
        return await shop.stripe.v1.payment_intents.create_async(
            {"amount": 1000 + n, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa",
             "return_url": "http://x.test"}, {"idempotency_key": f"k{n % 50}"},
        )  # fmt: skip

    answers = await asyncio.gather(*[buy(n) for n in range(100)], return_exceptions=True)

    assert sum(isinstance(answer, stripe.PaymentIntent) for answer in answers) == 50
    assert len(await shop.payments()) == 50
