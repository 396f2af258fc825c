"""Whom the relay tells, and what it does when nobody can be told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

import structlog

from activities.teller import Teller
from db.session import OUTAGES
from domain.booking import BookingRequest
from domain.dispute import DisputeRequest
from domain.ids import TenantId
from domain.notice import SendNotice
from domain.payment import PaymentFact
from domain.refund import RefundRequest
from observability import log as logs

log = structlog.get_logger(__name__)

AT_ONCE = 16
# Told again when nobody has marked it by then.
LEASE = timedelta(seconds=10)
# While Temporal is away what is due is put back, not counted as tried.
SOON = timedelta(seconds=1)

# What is on every log line about something that is told.
IDS = ("tenant_id", "booking_id", "refund_id", "notice_id", "event_id")

T = TypeVar("T")


class Sagas(Teller, Protocol):
    """Whoever can tell sagas; ConnectionError means that nobody can be told now."""

    async def begin(self, request: BookingRequest) -> None:
        """Start a booking's run; begun or over already is as good."""

    async def report(self, fact: PaymentFact, request: BookingRequest, *, ended: bool) -> None:
        """Tell a fact to the booking's run or, it having `ended`, to the payment's aftercare."""

    async def refund(self, request: RefundRequest, fact: PaymentFact | None = None) -> None:
        """Start a refund's run; with a fact, tell it."""

    async def dispute(self, request: DisputeRequest) -> None:
        """Tell the run of a dispute that there is news, beginning it if none runs."""

    async def notify(self, notice: SendNotice) -> None:
        """Start the sending of a notice; begun or done already is as good."""


class Untold(ConnectionError):
    """Raised by a round that could tell nobody, so that the next one waits a little."""


class OfTenant(Protocol):
    """A row of one tenant."""

    @property
    def tenant_id(self) -> TenantId:
        """Whose it is."""


R = TypeVar("R", bound=OfTenant)


async def tell_each(what: Sequence[T], tell: Callable[[T], Awaitable[None]]) -> tuple[list[T], list[T]]:
    """Tell all of it, some at once; gives what was told, and what nobody could be told because of an outage.

    What fails otherwise is in neither: its lease runs out, later each time.
    """
    told, untold, at_once = list[T](), list[T](), asyncio.Semaphore(AT_ONCE)

    async def tell_one(one: T) -> None:
        async with at_once:
            with logs.bind(**_about(one)):
                try:
                    await tell(one)
                except OUTAGES:
                    untold.append(one)
                except Exception:
                    log.exception("not told", kind=type(one).__name__)
                else:
                    told.append(one)

    await asyncio.gather(*map(tell_one, what))
    return told, untold


def by_tenant(rows: Iterable[R]) -> list[tuple[TenantId, list[R]]]:
    """Sort rows by their tenants."""
    found: dict[TenantId, list[R]] = {}
    for row in rows:
        found.setdefault(row.tenant_id, []).append(row)
    return list(found.items())


def _about(one: object) -> dict[str, object]:
    """Name what something is about, as far as it says so."""
    return {name: value for name in IDS if (value := getattr(one, name, None))}
