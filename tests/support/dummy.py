# ruff: noqa: ARG002 - the protocol's
"""A payment provider that nobody has heard of, in this process: written as by somebody else."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact
from domain.split import Portion
from providers.books import Books
from providers.dispute import Disputes
from providers.gateway import (
    BadSignature,
    Missed,
    NotFound,
    Opened,
    Order,
    RefundAnswer,
    RefundStatus,
    WebhookEvent,
)
from providers.transfer import Transfers
from providers.vault import Vault

SECRET = "of the dummy"  # noqa: S105


class Dummy:
    """A provider of one process: its orders are paid when the test says so."""

    provider, account = "dummy", "default"
    divides = False
    vault: Vault | None = None
    books: Books | None = None
    transfers: Transfers | None = None
    disputes: Disputes | None = None

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.paid: set[str] = set()
        self.closed: set[str] = set()

    def refuse_if_away(self) -> None:
        """Never away."""

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        self.orders.setdefault(f"d_{order.payment_id}", order)
        return self._opened(f"d_{order.payment_id}")

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:
        ref = f"d_{payment_id}"
        return self._opened(ref) if ref in self.orders else None

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:
        if provider_ref in self.paid:
            return Closing.PAID
        self.closed.add(provider_ref)
        return Closing.CLOSED

    async def capture(
        self, provider_ref: str, amount: Money, *, op_key: str, portions: Sequence[Portion] = ()
    ) -> None:
        self.paid.add(provider_ref)

    async def void(self, provider_ref: str, *, op_key: str) -> None:
        self.closed.add(provider_ref)

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        if provider_ref not in self.orders:
            raise NotFound("unheard_of")
        kind = FactKind.PENDING
        if provider_ref in self.paid:
            kind = FactKind.CAPTURED
        elif provider_ref in self.closed:
            kind = FactKind.CANCELLED
        return [self._fact(provider_ref, kind)]

    async def refund(
        self,
        provider_ref: str,
        amount: Money,
        *,
        refund_id: str,
        op_key: str,
        portions: Sequence[Portion] = (),
    ) -> RefundAnswer:
        return RefundAnswer(provider_ref=f"r_{refund_id}", status=RefundStatus.COMPLETED, amount=amount)

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:
        return None

    async def missed(self, since: datetime, *, onward: str = "", most: int = 100) -> Missed:
        return Missed()

    async def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        if headers.get("dummy-secret") != SECRET:
            raise BadSignature("not the dummy's")

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:
        ref = json.loads(raw)["paid"]
        order = self.orders[ref]
        event = WebhookEvent(
            event_id=f"e_{ref}",
            kind="paid",
            occurred_at=datetime.now(UTC),
            live=False,
            tenant_id=order.tenant_id,
            booking_id=order.booking_id,
            payment_id=order.payment_id,
            facts=(self._fact(ref, FactKind.CAPTURED),),
        )
        return [event]

    def _opened(self, ref: str) -> Opened:
        return Opened(provider_ref=ref, payment_url=f"https://dummy.example/{ref}")

    def _fact(self, ref: str, kind: FactKind) -> PaymentFact:
        order = self.orders[ref]
        return PaymentFact(
            event_id=f"look:{ref}:{kind}",
            provider=self.provider,
            account=self.account,
            payment_id=order.payment_id,
            kind=kind,
            provider_ref=ref,
            operation=f"op_{ref}",
            amount=order.amount if kind is FactKind.CAPTURED else None,
            occurred_at=datetime.now(UTC),
            source=FactSource.API,
        )
