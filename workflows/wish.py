"""What callers wish of a running saga, each with the answer that it waits for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from temporalio.exceptions import FailureError, is_cancelled_exception

from domain.payment import Checkout, PaymentReport, StartPayment
from workflows import steps
from workflows.saga import given_up, is_refusal

T = TypeVar("T")

# A no to a wish to pay that is a no to the whole booking.
FATAL = {"HoldEnded", "BookingEnded", "ProviderRefused"}


@dataclass(eq=False)
class Wish:
    """A wish to pay whose caller waits for the answer."""

    ask: StartPayment
    answer: "asyncio.Future[Checkout]" = field(default_factory=asyncio.Future)


@dataclass(eq=False)
class Errand:
    """Something to be done about one payment between two steps, whose caller waits for the answer."""

    work: Callable[[], Awaitable[PaymentReport]]
    answer: "asyncio.Future[PaymentReport]" = field(default_factory=asyncio.Future)


async def answered(answer: "asyncio.Future[T]", work: Awaitable[T]) -> FailureError | None:
    """Answer a caller with what comes of `work`; gives the no, if it is one."""
    try:
        answer.set_result(await work)
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        away = given_up(steps.PROVIDER_AWAY, "The payment provider did not answer.")
        no = error if is_refusal(error) else away
        answer.set_exception(steps.passed_on(no))
        return no
    return None
