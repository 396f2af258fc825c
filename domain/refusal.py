"""Every way Holdfast says no.

    Refusal
    ├── Unknown              what was asked for is not there, or not yours
    ├── NotAllowed           who asks
    │   ├── Unauthenticated      nobody we know
    │   ├── Forbidden            known, but may not
    │   └── QuotaExceeded        asked more often than it may
    ├── Invalid              what is asked, whatever the state of things
    │   ├── InvalidRequest       a field breaks a rule (facts: errors with JSON pointers)
    │   ├── KeyMissing           the Idempotency-Key is required here
    │   └── KeyReused            the Idempotency-Key was used with another body
    ├── NotOnSale            the thing itself
    │   ├── SoldOut              fewer places are left than asked
    │   ├── SalesClosed          not published, not yet or no longer on sale
    │   └── QuoteOutdated        the quote's time is over, or its price changed
    ├── WrongState           the booking's state
    │   ├── HoldEnded            the time to pay is over
    │   ├── BookingEnded         expired, failed, cancelled, rejected or refunded
    │   ├── IllegalMove          no such move from the present state
    │   ├── AlreadyPaid          nothing is due
    │   ├── PriceChanged         another amount is due than when the payment was wished for
    │   ├── AttemptsExhausted    the last allowed attempt was declined
    │   ├── MethodDeactivated    the stored method was given up
    │   ├── LinkEnded            the payment link is over: expired, revoked or paid
    │   ├── NothingToRetry       no step is parked
    │   ├── NoticeUnderway       the message is still being sent
    │   ├── EventClosed          the provider's event is processed or ignored
    │   └── CaseClosed           somebody has closed the case
    └── PaymentRefused       the money
        ├── PaymentDeclined      the buyer's bank says no
        ├── PaymentNotCompleted  the provider has not got the money
        ├── PaymentMismatch      the payment belongs to another booking
        ├── ProviderRefused      the provider will not take our request
        ├── AlreadyCaptured      the money was taken: it can be given back, not let go
        ├── ExceedsAuthorized    more would be taken than was authorised
        ├── LessThanDue          less would be taken than the booking needs
        └── ExceedsCaptured      more would go back than was taken

A refusal is an answer: it will stay no however often it is asked. It knows no HTTP; `api/problem.py` gives it
a status and a title. The name of a class is a wire contract: it stands in the histories of running bookings,
and retry rules match it.
"""

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue


class Refusal(Exception):
    """The answer is no and stays no; `facts` says to what, in JSON values, without a person's data."""

    def __init__(self, detail: str = "", **facts: JsonValue) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: dict[str, JsonValue] = facts

    @property
    def code(self) -> str:
        """The stable name for programs: the snake case of the class."""
        return code(type(self))


class Unknown(Refusal):
    """Raised when a thing is not there or not the caller's; both look alike."""


class NotAllowed(Refusal):
    """Raised, in its kinds, for who asks."""


class Unauthenticated(NotAllowed):
    """Raised when no credential, or none that holds, came with the request."""


class Forbidden(NotAllowed):
    """Raised when the caller's role does not carry the permission."""


class QuotaExceeded(NotAllowed):
    """Raised when a caller asks more often than it may; facts: `violated-policies` by name (IETF draft
    *RateLimit header fields for HTTP*), `retry_after` in seconds.
    """


class Invalid(Refusal):
    """Raised, in its kinds, for what is asked."""


class InvalidRequest(Invalid):
    """Raised when fields break rules; facts: `errors` with `pointer` (RFC 6901), `code` and `detail`."""


class KeyMissing(Invalid):
    """Raised when a route that needs an Idempotency-Key got none."""


class KeyReused(Invalid):
    """Raised when an Idempotency-Key comes back with another body."""


class NotOnSale(Refusal):
    """Raised, in its kinds, for the thing that is asked for."""


class SoldOut(NotOnSale):
    """Raised when fewer places are free than asked; facts: `slot_id`, `asked`, `left`."""


class SalesClosed(NotOnSale):
    """Raised when a slot or variant is not on sale now; facts: `slot_id`."""


class QuoteOutdated(NotOnSale):
    """Raised when a quote has ended or its price is no longer ours; facts: `quote_id`."""


class WrongState(Refusal):
    """Raised, in its kinds, for the present state of a booking."""


class HoldEnded(WrongState):
    """Raised when the hold is over; facts: `ended_at`."""


class BookingEnded(WrongState):
    """Raised when the booking has come to an end; facts: `status`."""


class IllegalMove(WrongState):
    """Raised when a state knows no such move; facts: `status`, `trigger`."""


class AlreadyPaid(WrongState):
    """Raised when a payment is wished for and nothing is due."""


class PriceChanged(WrongState):
    """Raised when the buyer has chosen anew between the wish to pay and its payment; facts: `due`."""


class AttemptsExhausted(WrongState):
    """Raised when every allowed payment attempt was declined; facts: `attempts`."""


class MethodDeactivated(WrongState):
    """Raised when somebody would pay with a stored method that was given up, or was never kept."""


class LinkEnded(WrongState):
    """Raised when a payment link is used that has expired, was revoked, or is paid."""


class NothingToRetry(WrongState):
    """Raised when an operator retries a step and none is parked."""


class NoticeUnderway(WrongState):
    """Raised when a notice is to be sent again and its first sending has no end yet; facts: `status`."""


class EventClosed(WrongState):
    """Raised when an event of the inbox is processed or ignored already."""


class CaseClosed(WrongState):
    """Raised when a case is closed already; facts: `closed_by`."""


class PaymentRefused(Refusal):
    """Raised, in its kinds, for the money."""


class PaymentDeclined(PaymentRefused):
    """Raised when the buyer's bank declined; facts: `reason` in our own words' code."""


class PaymentNotCompleted(PaymentRefused):
    """Raised when a payment is asked to count before the provider has the money; facts: `status`."""


class PaymentMismatch(PaymentRefused):
    """Raised when a payment is presented for a booking that is not its own."""


class ProviderRefused(PaymentRefused):
    """Raised when a provider rejects our request for good; facts: `reason`."""


class AlreadyCaptured(PaymentRefused):
    """Raised when a payment is let go or taken that was taken before; facts: `captured`, minor units."""


class ExceedsAuthorized(PaymentRefused):
    """Raised when more would be taken than was authorised; facts: `most`, minor units."""


class LessThanDue(PaymentRefused):
    """Raised when so little would be taken that its booking is not paid; facts: `least`, minor units."""


class ExceedsCaptured(PaymentRefused):
    """Raised when more would go back than was taken and has not gone back; facts: `left`, minor units."""


def code(kind: type[Refusal]) -> str:
    """Give the snake case of a refusal's class name: `SoldOut` is `sold_out`."""
    return code_of(kind.__name__)


def code_of(name: str) -> str:
    """Give the snake case of a class name that crossed a wire: `SoldOut` is `sold_out`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def kinds() -> Mapping[str, type[Refusal]]:
    """List every refusal by the class name that crosses the wire."""
    return {kind.__name__: kind for kind in _below(Refusal)}


def named(name: str, detail: str, facts: Mapping[str, JsonValue]) -> Refusal | None:
    """Rebuild the refusal that crossed a wire under its class name; nothing when no refusal is called so."""
    kind = kinds().get(name)
    return kind(detail, **facts) if kind else None


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)
