"""One account that does not answer is left alone, and takes no more of the house than its share."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from observability.metrics import REGISTRY
from providers.gateway import (
    Busy,
    CircuitOpen,
    GatewayTrouble,
    NotExecuted,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unreachable,
)
from providers.protection import Circuit, Guard, Guards, Limits, retry_after
from tests.providers.conftest import MakeOrder, key_of, stripe_gateway
from tests.support.sandbox import Account

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPEN = "POST /v1/checkout/sessions"


@dataclass
class Clock:
    """A clock that stands still until it is told."""

    seconds: float = 0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    return Guard("stripe", "main", Limits(calls=2, waiting=1, patience=60, failures=3, rest=5), clock=clock)


def stands(guard: Guard) -> str:
    return guard.circuit.value


async def call(guard: Guard, outcome: Exception | None = None) -> None:
    """Make a call that ends so; its own trouble is swallowed, being turned away is not."""
    with suppress(type(outcome) if outcome else NotFound):
        async with guard.call():
            if outcome:
                raise outcome


async def silent(guard: Guard, times: int = 3) -> None:
    for _ in range(times):
        await call(guard, OutcomeUnknown("no_answer"))


class TestCircuit:
    async def test_it_opens_after_some_calls_without_an_answer(self, guard: Guard) -> None:
        await silent(guard, 2)
        assert stands(guard) == Circuit.CLOSED

        await call(guard, Unreachable("unreachable"))

        assert stands(guard) == Circuit.OPEN
        with pytest.raises(CircuitOpen) as turned_away:
            await call(guard)
        assert turned_away.value.retry_after == timedelta(seconds=5)

    @pytest.mark.parametrize("answer", [None, Refused("no"), NotFound("none"), NotExecuted("rate_limited")])
    async def test_any_answer_counts_as_one(self, guard: Guard, answer: GatewayTrouble | None) -> None:
        await silent(guard, 2)
        await call(guard, answer)
        await silent(guard, 2)

        assert stands(guard) == Circuit.CLOSED

    async def test_after_a_rest_one_call_finds_out_and_an_answer_closes_it(
        self, guard: Guard, clock: Clock
    ) -> None:
        await silent(guard)
        clock.seconds = 5
        assert stands(guard) == Circuit.HALF_OPEN

        async with guard.call():
            with pytest.raises(CircuitOpen) as turned_away:
                await call(guard)

        assert turned_away.value.retry_after == timedelta(seconds=1)
        assert stands(guard) == Circuit.CLOSED
        await call(guard)

    async def test_silence_again_opens_it_again(self, guard: Guard, clock: Clock) -> None:
        await silent(guard)
        clock.seconds = 5

        await call(guard, OutcomeUnknown("no_answer"))

        assert stands(guard) == Circuit.OPEN
        clock.seconds = 10
        await call(guard)
        assert stands(guard) == Circuit.CLOSED

    async def test_a_finding_out_that_was_given_up_lets_another_one_try(
        self, guard: Guard, clock: Clock
    ) -> None:
        await silent(guard)
        clock.seconds = 5
        with pytest.raises(asyncio.CancelledError):
            async with guard.call():
                raise asyncio.CancelledError

        await call(guard)

        assert stands(guard) == Circuit.CLOSED

    async def test_late_silence_of_earlier_calls_does_not_put_the_next_try_off(
        self, guard: Guard, clock: Clock
    ) -> None:
        with suppress(OutcomeUnknown):
            async with guard.call():
                await silent(guard)
                clock.seconds = 4
                raise OutcomeUnknown("no_answer")
        clock.seconds = 5

        assert stands(guard) == Circuit.HALF_OPEN

    async def test_operators_see_it(self) -> None:
        guards = Guards(Limits(failures=1))
        guard = guards.of("stripe", "shown")
        shown = {"provider": "stripe", "account": "shown"}
        assert guards.circuits() == {"stripe/shown": "closed"}

        await silent(guard, 1)

        assert guards.circuits() == {"stripe/shown": "open"}
        assert REGISTRY.get_sample_value("holdfast_provider_circuit_open", shown) == 1
        assert guards.of("stripe", "shown") is guard


class TestBulkhead:
    async def test_so_many_run_some_wait_and_the_rest_is_turned_away(self, guard: Guard) -> None:
        async with guard.call(), guard.call():
            waiting = asyncio.create_task(call(guard))
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await call(guard)
            assert not waiting.done()
        await waiting

        await call(guard)

    async def test_nobody_waits_for_ever(self) -> None:
        guard = Guard("stripe", "main", Limits(calls=1, waiting=1, patience=0.001))
        async with guard.call():
            with pytest.raises(Busy):
                await call(guard)

        await call(guard)

    async def test_one_account_does_not_take_the_places_of_another(self) -> None:
        guards = Guards(Limits(calls=1, waiting=0))
        async with guards.of("stripe", "one").call():
            await call(guards.of("stripe", "other"))


@pytest.mark.row("PAY-06")
async def test_an_account_that_is_down_is_asked_no_more_and_again_when_it_is_back(
    account: Account, http: aiohttp.ClientSession, order: MakeOrder, guard: Guard, clock: Clock
) -> None:
    gateway = stripe_gateway(account, http, guard=guard)
    wished = order()
    await account.break_down("*", "drop_before", times=100)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await gateway.open_checkout(wished, op_key=key_of(wished))
    await account.mend()

    with pytest.raises(CircuitOpen):
        await gateway.open_checkout(wished, op_key=key_of(wished))
    with pytest.raises(CircuitOpen):
        gateway.refuse_if_away()
    assert await account.checkouts() == []
    clock.seconds = 5
    opened = await gateway.open_checkout(wished, op_key=key_of(wished))

    assert [each["id"] for each in await account.checkouts()] == [opened.provider_ref]
    gateway.refuse_if_away()


@pytest.mark.row("PAY-41", partly="no database connection is held: tests/workflows/test_provider_away.py")
async def test_a_call_ends_at_its_deadline_and_says_that_nobody_knows(
    account: Account, http: aiohttp.ClientSession, order: MakeOrder
) -> None:
    gateway = stripe_gateway(account, http, timeout=timedelta(seconds=0.2))
    wished = order()
    await account.break_down(OPEN, "slow", seconds=5)

    with pytest.raises((OutcomeUnknown, Unreachable)):  # the second on a machine that stood still
        await gateway.open_checkout(wished, op_key=key_of(wished))


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", timedelta(seconds=7)),
        (" 0 ", timedelta(0)),
        ("86400", timedelta(minutes=10)),
        ("Sun, 01 Mar 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", timedelta(0)),
        ("9" * 400, None),
        ("soon", None),
        ("-1", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
        ("Sun, 01 Mar 2026 12:00:30", None),
        ("", None),
    ],
)
def test_the_wait_a_provider_asks_for_is_seconds_or_a_date(header: str, wait: timedelta | None) -> None:
    assert retry_after(header, NOW) == wait
