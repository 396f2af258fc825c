"""What the neutral core asks of a provider's face: ids, events, signatures and the provider's way of failing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sandbox.record import Json, Record

if TYPE_CHECKING:
    from sandbox.checkout import Checkout
    from sandbox.payment import Payment
    from sandbox.webhook import Endpoint
    from sandbox.work import Work


@dataclass(frozen=True)
class Answer:
    """An answer to an API call, ready to be sent and, where the provider does so, to be saved and replayed."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Face(Protocol):
    """One provider as callers see it."""

    provider: str
    prefixes: Mapping[str, str]

    def account_key(self, key: str) -> str | None:
        """Return the key an account is known by, None if no account can have this key."""

    def failure(self, status: int) -> Answer:
        """Return what this provider answers when it fails or throttles by itself."""


@runtime_checkable
class Teller(Face, Protocol):
    """A face that sends webhooks."""

    retry_seconds: tuple[float, ...]

    def events(self, work: "Work", happening: str, record: Record, before: Json) -> Iterable[tuple[str, Json]]:
        """Return type and object of each of the provider's events for a neutral happening, `payment.captured` say."""

    def event_body(self, work: "Work", event_id: str, event_type: str, payload: Json) -> str:
        """Return the text of an event, fixed once and for all deliveries."""

    def signed(self, endpoint: "Endpoint", body: bytes, *, secret: str, stamp: int) -> Mapping[str, str]:
        """Return the headers of one delivery attempt."""

    def accepted(self, status: int, body: bytes) -> bool:
        """Return whether the receiver took the delivery."""


@runtime_checkable
class Payee(Face, Protocol):
    """A face with hosted pages."""

    def shown(self, amount: int, currency: str) -> str:
        """Return an amount for people."""

    def after_checkout(self, work: "Work", checkout: "Checkout") -> str:
        """Return where the buyer goes when a checkout is paid."""

    def after_challenge(self, work: "Work", payment: "Payment") -> str | None:
        """Return where the buyer goes after a challenge outside a checkout, None if nowhere."""
