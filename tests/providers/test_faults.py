"""A provider's bad answers (F10), each with the work done and not done: whoever asks again as the saga does,
looking first and then under the same key, leaves one effect behind.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
import pytest

from domain.payment import Closing, FactKind
from providers.gateway import NotExecuted, OutcomeUnknown, StateConflict
from providers.letter import write
from tests.providers.conftest import MakeOrder, key_of, stripe_gateway
from tests.providers.test_letter import occasion
from tests.providers.test_mail import post, send
from tests.support.sandbox import Account


class Fault(NamedTuple):
    """What the sandbox is asked to do wrong, and whether the work is done all the same."""

    kind: str
    effect: bool
    detail: dict[str, Any]


def _status(status: int, *, effect: bool) -> Fault:
    return Fault("response_500_after" if effect else "response_500_before", effect, {"status": status})


FAULTS = {
    f"{name}, {'done' if fault.effect else 'not done'}": fault
    for effect in (False, True)
    for name, fault in {
        "500": _status(500, effect=effect),
        "502": _status(502, effect=effect),
        "503": _status(503, effect=effect),
        "reset in the body": Fault("response_cut", effect, {"effect": effect}),
        "half of the JSON": Fault("json_cut", effect, {"effect": effect}),
        "a page of HTML": Fault("html_error", effect, {"effect": effect}),
        "another type": Fault("wrong_type", effect, {"effect": effect}),
    }.items()
} | {"429, not done": Fault("rate_limit", effect=False, detail={"seconds": 3})}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> Fault:
    """Give each fault in turn."""
    return FAULTS[request.param]


async def order_fault(account: Account, route: str, fault: Fault, provider: str = "stripe") -> None:
    key = account.key if provider == "stripe" else account.mail_key
    wish = {"provider": provider, "account": key, "route": route, "kind": fault.kind, **fault.detail}
    answer = await account.http.post(f"{account.url}/_sandbox/faults", json=wish)
    answer.raise_for_status()


async def tried(call: Callable[[], Awaitable[object]], fault: Fault) -> None:
    """Make the call that goes wrong: what may have happened is unknown, what was turned away is not."""
    with pytest.raises(NotExecuted if fault.kind == "rate_limit" else OutcomeUnknown):
        await call()


@pytest.mark.row("PAY-30", partly="retried by the saga: tests/workflows/test_provider_trouble.py")
class TestOneEffect:
    async def test_of_opening(
        self, account: Account, http: aiohttp.ClientSession, order: MakeOrder, fault: Fault
    ) -> None:
        gateway, wished = stripe_gateway(account, http), order()
        await order_fault(account, "POST /v1/checkout/sessions", fault)

        await tried(lambda: gateway.open_checkout(wished, op_key=key_of(wished)), fault)
        found = await gateway.find_checkout(wished.payment_id)
        assert (found is not None) is fault.effect
        opened = found or await gateway.open_checkout(wished, op_key=key_of(wished))

        assert [each["id"] for each in await account.checkouts()] == [opened.provider_ref]

    async def test_of_capturing(
        self, account: Account, http: aiohttp.ClientSession, order: MakeOrder, fault: Fault
    ) -> None:
        gateway, wished = stripe_gateway(account, http), order(manual_capture=True)
        opened = await gateway.open_checkout(wished, op_key=key_of(wished))
        await account.pay(opened.payment_url or "")
        await order_fault(account, "POST /v1/payment_intents/*/capture", fault)

        async def capture() -> None:
            await gateway.capture(opened.provider_ref, wished.amount, op_key=key_of(wished, "capture"))

        await tried(capture, fault)
        if fault.effect:
            with pytest.raises(StateConflict):
                await capture()
        else:
            await capture()

        facts = await gateway.fetch(wished.payment_id, opened.provider_ref)
        assert [fact.kind for fact in facts if fact.kind is FactKind.CAPTURED] == [FactKind.CAPTURED]
        assert [payment["captured"] for payment in await account.payments()] == [wished.amount.minor]

    async def test_of_closing(
        self, account: Account, http: aiohttp.ClientSession, order: MakeOrder, fault: Fault
    ) -> None:
        gateway, wished = stripe_gateway(account, http), order()
        opened = await gateway.open_checkout(wished, op_key=key_of(wished))
        await order_fault(account, "POST /v1/checkout/sessions/*/expire", fault)

        async def close() -> Closing:
            return await gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))

        await tried(close, fault)

        assert await close() is Closing.CLOSED
        assert [each["status"] for each in await account.checkouts()] == ["expired"]

    async def test_of_refunding(
        self, account: Account, http: aiohttp.ClientSession, order: MakeOrder, fault: Fault
    ) -> None:
        gateway, wished = stripe_gateway(account, http), order()
        opened = await gateway.open_checkout(wished, op_key=key_of(wished))
        await account.pay(opened.payment_url or "")
        await order_fault(account, "POST /v1/refunds", fault)

        async def refund() -> object:
            return await gateway.refund(
                opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1"
            )

        await tried(refund, fault)
        if await gateway.find_refund(opened.provider_ref, refund_id="r") is None:
            await refund()

        assert [each["amount"] for each in await account.refunds()] == [wished.amount.minor]

    async def test_of_a_mail(self, account: Account, http: aiohttp.ClientSession, fault: Fault) -> None:
        """The mail service knows no repeats: what may have been sent is not sent again."""
        service, letter = post(account, http), write(occasion())
        await order_fault(account, "POST /v3/mail/send", fault, "sendgrid")

        await tried(lambda: send(service, letter), fault)

        assert len(await account.mailbox()) == int(fault.effect)
