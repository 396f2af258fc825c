"""A provider's bad answers (F9, F10), each with the work done and not done: whoever asks again as the saga
does, looking first and then under the same key, leaves one effect behind, whichever provider it is.

At each of the saga's five steps Stripe, or the mail service, does everything wrong that there is (85: a 429
has no effect). Elsewhere each provider does each thing wrong once, at one step or another; all of them at all
steps with `./dev test --all`.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import aiohttp
import pytest

from domain.payment import Closing, PaymentStatus, fold
from providers.gateway import (
    CircuitOpen,
    Gateway,
    NotExecuted,
    Opened,
    Order,
    OutcomeUnknown,
    StateConflict,
    Unreachable,
)
from providers.letter import write
from providers.protection import Circuit, Guard, Limits
from tests.providers.conftest import (
    DESKS,
    Desk,
    MakeOrder,
    Told,
    adyen_gateway,
    desks,
    key_of,
    paypal_gateway,
    stripe_gateway,
)
from tests.providers.test_letter import occasion
from tests.providers.test_mail import post, send
from tests.support import paypal
from tests.support.sandbox import Account
from tests.support.wait import eventually

T = TypeVar("T")


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
        "no byte": Fault("response_lost" if effect else "drop_before", effect, {}),
        "reset in the body": Fault("response_cut", effect, {"effect": effect}),
        "half of the JSON": Fault("json_cut", effect, {"effect": effect}),
        "a page of HTML": Fault("html_error", effect, {"effect": effect}),
        "another type": Fault("wrong_type", effect, {"effect": effect}),
    }.items()
} | {"429, not done": Fault("rate_limit", effect=False, detail={"seconds": 3})}


class Routes(NamedTuple):
    """Where an adapter asks for each operation, as patterns of the sandbox's faults."""

    opening: str
    capturing: str
    releasing: str
    refunding: str


ROUTES = {
    "stripe": Routes(
        "POST /v1/checkout/sessions",
        "POST /v1/payment_intents/*/capture",
        "POST /v1/payment_intents/*/cancel",
        "POST /v1/refunds",
    ),
    "adyen": Routes(
        "POST /v72/sessions",
        "POST /v72/payments/*/captures",
        "POST /v72/payments/*/cancels",
        "POST /v72/payments/*/refunds",
    ),
    "paypal": Routes(
        "POST /v2/checkout/orders",
        "POST /v2/payments/authorizations/*/capture",
        "POST /v2/payments/authorizations/*/void",
        "POST /v2/payments/captures/*/refund",
    ),
}
# Adyen's sessions cannot be taken back, so no call closes one.
CLOSING = {"stripe": "POST /v1/checkout/sessions/*/expire", "paypal": "PATCH /v2/checkout/orders/*"}
A_WHILE = timedelta(seconds=1)
STEPS = ("opening", "capturing", "releasing", "closing", "refunding")
desk = desks(*DESKS)


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> Fault:
    """Give each fault in turn."""
    return FAULTS[request.param]


def faults_of(step: str, providers: Iterable[str] = DESKS) -> pytest.MarkDecorator:
    """Give each provider each fault at a step; by default what the head of this module says."""
    return pytest.mark.parametrize(
        ("desk", "fault"),
        [
            pytest.param(provider, name, marks=() if _is_taken(provider, step, n) else pytest.mark.heavy)
            for provider in providers
            for n, name in enumerate(FAULTS)
        ],
        indirect=True,
    )


def _is_taken(provider: str, step: str, nth: int) -> bool:
    of_the_saga = provider == "stripe" and step != "releasing"
    steps = [each for each in STEPS if each != "closing" or provider in CLOSING]
    return of_the_saga or nth % len(steps) == steps.index(step)


def routes(desk: Desk) -> Routes:
    return ROUTES[desk.account.provider]


async def tried(call: Callable[[], Awaitable[object]], fault: Fault) -> None:
    """Make the call that goes wrong: what may have happened is unknown, what was turned away is not."""
    with pytest.raises(NotExecuted if fault.kind == "rate_limit" else OutcomeUnknown):
        await call()


async def seen_through(desk: Desk, call: Callable[[], Awaitable[T]]) -> T | None:
    """Ask again as the saga does, once the provider has told what it has to, until it is done; nothing when
    it turns out that it was done already.
    """
    for _ in range(3):
        await desk.told()
        try:
            return await call()
        except NotExecuted:
            continue  # what became of it is told later
        except StateConflict:
            return None
    raise AssertionError("still not done")


async def opened(gateway: Gateway, wished: Order) -> Opened:
    return await gateway.open_checkout(wished, op_key=key_of(wished))


async def opened_unless_busy(gateway: Gateway, wished: Order) -> Opened | None:
    """Ask again; nothing while the provider is still at the first request."""
    try:
        return await opened(gateway, wished)
    except NotExecuted:
        return None


async def another_gateway(desk: Desk, http: aiohttp.ClientSession, **more: Any) -> Gateway:
    """Make another gateway to the same account."""
    match desk.account.provider:
        case "stripe":
            return stripe_gateway(desk.account, http, **more)
        case "adyen":
            return adyen_gateway(desk.account, Told(desk.received), **more)
        case _:
            return paypal_gateway(desk.account, http, await paypal.roots(desk.account), **more)


async def paid(desk: Desk, wished: Order) -> str:
    """Open a checkout and pay it; gives our reference."""
    page = await opened(desk.gateway, wished)
    await desk.pay(page)
    await desk.told()
    return page.provider_ref


@pytest.mark.row("PAY-30", partly="retried by the saga: tests/workflows/test_provider_trouble.py")
class TestOneEffect:
    @faults_of("opening")
    async def test_of_opening(self, desk: Desk, order: MakeOrder, fault: Fault) -> None:
        wished = order()
        await desk.account.break_down(routes(desk).opening, fault.kind, **fault.detail)

        await tried(lambda: opened(desk.gateway, wished), fault)
        found = await desk.gateway.find_checkout(wished.payment_id)
        page = found or await opened(desk.gateway, wished)

        assert len(await desk.account.checkouts()) == 1
        assert page.provider_ref in (str(wished.payment_id), (await desk.account.checkouts())[0]["id"])

    @faults_of("capturing")
    async def test_of_capturing(self, desk: Desk, order: MakeOrder, fault: Fault) -> None:
        wished = order(manual_capture=True)
        ref = await paid(desk, wished)
        await desk.account.break_down(routes(desk).capturing, fault.kind, **fault.detail)

        async def capture() -> None:
            await desk.gateway.capture(ref, wished.amount, op_key=key_of(wished, "capture"))

        await tried(capture, fault)
        await seen_through(desk, capture)

        state = fold(wished.amount, await desk.gateway.fetch(wished.payment_id, ref))
        assert (state.status, state.captured_minor) == (PaymentStatus.CAPTURED, wished.amount.minor)
        assert [payment["captured"] for payment in await desk.account.payments()] == [wished.amount.minor]

    @faults_of("releasing")
    async def test_of_releasing(self, desk: Desk, order: MakeOrder, fault: Fault) -> None:
        wished = order(manual_capture=True, hosted=False)
        ref = await paid(desk, wished)
        await desk.account.break_down(routes(desk).releasing, fault.kind, **fault.detail)

        async def release() -> None:
            await desk.gateway.void(ref, op_key=key_of(wished, "void"))

        await tried(release, fault)
        await seen_through(desk, release)
        await desk.told()

        state = fold(wished.amount, await desk.gateway.fetch(wished.payment_id, ref))
        assert (state.status, state.captured_minor) == (PaymentStatus.CANCELLED, 0)
        assert [payment["captured"] for payment in await desk.account.payments()] == [0]

    @faults_of("closing", CLOSING)
    async def test_of_closing(self, desk: Desk, order: MakeOrder, fault: Fault) -> None:
        wished = order()
        page = await opened(desk.gateway, wished)
        await desk.account.break_down(CLOSING[desk.account.provider], fault.kind, **fault.detail)

        async def close() -> Closing:
            return await desk.gateway.close_checkout(page.provider_ref, op_key=key_of(wished, "close"))

        await tried(close, fault)

        assert await close() is Closing.CLOSED
        state = fold(wished.amount, await desk.gateway.fetch(wished.payment_id, page.provider_ref))
        assert state.status in (PaymentStatus.CANCELLED, PaymentStatus.EXPIRED)

    @faults_of("refunding")
    async def test_of_refunding(self, desk: Desk, order: MakeOrder, fault: Fault) -> None:
        wished = order()
        ref = await paid(desk, wished)
        await desk.account.break_down(routes(desk).refunding, fault.kind, **fault.detail)

        async def refund() -> object:
            return await desk.gateway.refund(ref, wished.amount, refund_id="r", op_key="r:refund:1")

        await tried(refund, fault)
        await desk.told()
        if await desk.gateway.find_refund(ref, refund_id="r") is None:
            await refund()
        await desk.told()

        assert [each["amount"] for each in await desk.account.refunds()] == [wished.amount.minor]
        assert await desk.account.kept() == 0

    async def test_of_a_mail(self, account: Account, http: aiohttp.ClientSession, fault: Fault) -> None:
        """The mail service knows no repeats: what may have been sent is not sent again (F15)."""
        service, letter = post(account, http), write(occasion())
        mails = replace(account, provider="sendgrid", key=account.mail_key)
        await mails.break_down("POST /v3/mail/send", fault.kind, **fault.detail)

        await tried(lambda: send(service, letter), fault)

        assert len(await account.mailbox()) == int(fault.effect)


@pytest.mark.parametrize(
    ("kind", "detail"), [("hold", {"effect": True}), ("hold", {"effect": False}), ("drip", {"seconds": 0.02})]
)
@pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
async def test_an_answer_that_takes_too_long_is_an_unknown_outcome_and_one_effect(
    desk: Desk, http: aiohttp.ClientSession, order: MakeOrder, kind: str, detail: dict[str, Any]
) -> None:
    """F9, F11: held back altogether, or coming byte by byte, so that no pause between two gives it away."""
    impatient, wished = await another_gateway(desk, http, timeout=A_WHILE), order()
    await desk.account.break_down(routes(desk).opening, kind, **detail)

    with pytest.raises((OutcomeUnknown, Unreachable)):  # the second on a machine that stood still
        await opened(impatient, wished)
    await desk.account.mend()
    found = await desk.gateway.find_checkout(wished.payment_id)
    if found is None:
        await eventually(lambda: opened_unless_busy(desk.gateway, wished), what="the page")
    gc.collect()  # Stripe's package leaves the connection of an answer that it gave up to the collector

    assert len(await desk.account.checkouts()) == 1


# Longer than each provider remembers a key.
FORGOTTEN = {"stripe": timedelta(hours=25), "adyen": timedelta(days=8), "paypal": timedelta(days=46)}


async def test_a_refund_whose_key_the_provider_has_forgotten_is_found_and_not_made_twice(
    desk: Desk, order: MakeOrder
) -> None:
    """F14: somebody tries again on another day, and looks first."""
    wished = order()
    ref = await paid(desk, wished)
    await desk.account.break_down(routes(desk).refunding, "response_lost")
    with pytest.raises(OutcomeUnknown):
        await desk.gateway.refund(ref, wished.amount, refund_id="r", op_key="r:refund:1")

    await desk.told()
    await desk.advance(FORGOTTEN[desk.account.provider])
    found = await desk.gateway.find_refund(ref, refund_id="r")

    assert found is not None
    assert [each["amount"] for each in await desk.account.refunds()] == [wished.amount.minor]


async def test_an_account_that_is_down_is_left_alone_and_then_asked_again(
    desk: Desk, http: aiohttp.ClientSession, order: MakeOrder
) -> None:
    """F12: some calls without an answer, then none is made, until a while later one of them is answered."""
    now = [0.0]
    limits = Limits(failures=3, rest=5)
    guard = Guard(desk.account.provider, "main", limits, clock=lambda: now[0])
    gateway = await another_gateway(desk, http, guard=guard)
    await opened(gateway, order())
    await desk.account.break_down(routes(desk).opening, "drop_before", times=3)

    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await opened(gateway, order())
    with pytest.raises(CircuitOpen) as turned_away:
        await opened(gateway, order())
    with pytest.raises(CircuitOpen):
        gateway.refuse_if_away()
    now[0] = 5
    page = await opened(gateway, order())
    # A circuit that only ever finds out would let one of these through.
    both = await asyncio.gather(opened(gateway, order()), opened(gateway, order()))

    assert turned_away.value.retry_after == timedelta(seconds=5)
    assert guard.circuit is Circuit.CLOSED
    assert page.provider_ref
    assert all(each.provider_ref for each in both)
    assert len(await desk.account.checkouts()) == 4
    gateway.refuse_if_away()
