"""PayPal's webhooks in the sandbox: told, listed, and judged by PayPal itself."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tests.sandbox.paypal_merchant import PayPalMerchant, issue_of


@dataclass
class Listener:
    """Somebody's webhook: keeps what comes."""

    url: str = ""
    came: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listening, app = Listener(), web.Application()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        listening.came.append((await request.read(), headers))
        return web.Response()

    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listening.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield listening
    await runner.cleanup()


async def test_a_webhook_is_told_and_paypal_says_whether_it_was_its_own(
    paypal: PayPalMerchant, listener: Listener
) -> None:
    hook = {"url": listener.url, "event_types": [{"name": "CHECKOUT.ORDER.APPROVED"}]}
    status, made = await paypal.ask("POST", "/v1/notifications/webhooks", hook)
    twice, told = await paypal.ask("POST", "/v1/notifications/webhooks", hook)
    await paypal.approve(await paypal.order())
    await paypal.control("POST", "/deliveries/drain")

    [(raw, headers)] = listener.came
    event = json.loads(raw)
    proof = {
        "auth_algo": headers["paypal-auth-algo"],
        "cert_url": headers["paypal-cert-url"],
        "transmission_id": headers["paypal-transmission-id"],
        "transmission_sig": headers["paypal-transmission-sig"],
        "transmission_time": headers["paypal-transmission-time"],
        "webhook_id": made["id"],
        "webhook_event": event,
    }
    checked = [
        (await paypal.ask("POST", "/v1/notifications/verify-webhook-signature", each))[1]
        for each in (proof, proof | {"transmission_id": "other"}, proof | {"webhook_event": {"id": "x"}})
    ]
    listed = (await paypal.ask("GET", "/v1/notifications/webhooks-events?page_size=5"))[1]["events"]

    assert (status, twice, issue_of(told)) == (201, 400, "WEBHOOK_URL_ALREADY_EXISTS")
    assert [each["verification_status"] for each in checked] == ["SUCCESS", "FAILURE", "FAILURE"]
    assert (event["event_type"], event["resource_type"]) == ("CHECKOUT.ORDER.APPROVED", "checkout-order")
    assert listed == [event]
    assert (await paypal.ask("DELETE", f"/v1/notifications/webhooks/{made['id']}"))[0] == 204


async def test_events_are_listed_page_by_page(paypal: PayPalMerchant) -> None:
    for _ in range(5):
        await paypal.approve(await paypal.order())

    path, seen = "/v1/notifications/webhooks-events?page_size=2&start_time=2020-01-01T00:00:00Z", []
    while path:
        _, page = await paypal.ask("GET", path)
        seen += [event["id"] for event in page["events"]]
        path = next((each["href"].partition("/paypal")[2] for each in page["links"]), "")

    assert len(set(seen)) == len(seen) == 5
    assert (await paypal.ask("GET", "/v1/notifications/webhooks-events?page_size=0"))[0] == 400
