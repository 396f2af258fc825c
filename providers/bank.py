"""Bank transfers to our own account: the buyer's bank is nobody we can ask, nor does it tell us anything.

An operator reads the statement and says what came and what went. Each line of it lies in the inbox, as what
providers tell does, and what we know of a payment is remembered from there.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from pydantic import ValidationError

from domain.bank import BANK, TRANSFER, BankTransfer, Payee, creditor_reference
from domain.ids import PaymentId, RefundId, TenantId
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact
from domain.split import Portion
from domain.value import Value
from providers.gateway import (
    NotFound,
    Opened,
    Order,
    RefundAnswer,
    RefundStatus,
    Refused,
    WebhookEvent,
    refuse_to_divide,
)
from providers.offline import OfflineGateway


class LineKind(StrEnum):
    """What a line of the statement is: money of a buyer's that came, or a refund that went."""

    RECEIPT = "receipt"
    REFUND = "refund"


class Line(Value):
    """A line of our account's statement, as an operator has read it: `name` is the bank's own for it."""

    name: str
    kind: LineKind
    tenant_id: TenantId
    payment_id: PaymentId
    refund_id: RefundId | None = None
    amount: Money
    booked_at: datetime
    live: bool

    def written(self) -> bytes:
        """Write the line as the inbox keeps it, the same on every repeat."""
        return self.model_dump_json().encode()


class Memory(Protocol):
    """The lines of one account, and until when what was asked for is waited for."""

    async def told(self, payment_id: PaymentId) -> Sequence[bytes]:
        """Give the lines about a payment as they were told, the first first."""

    async def payable_until(self, payment_id: PaymentId) -> datetime | None:
        """Give until when a payment's transfer is waited for, UTC; nothing where it was never asked for."""


class BankGateway(OfflineGateway):
    """Our account at one bank.

    A transfer may be under way unseen, so nobody can close what was asked for: it is `processing` until the
    money is there or the time is over.
    """

    provider = BANK

    def __init__(
        self, account: str, payee: Payee, memory: Memory, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(account)
        self._payee, self._memory, self._clock = payee, memory, clock

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:  # noqa: ARG002 - the protocol's
        """Tell whom to pay, and naming what. Raises Refused for what cannot wait for a bank."""
        refuse_to_divide(order.portions)
        if order.settles_within is None:
            raise Refused("settles_late")
        now = self._now()
        reference = creditor_reference(order.payment_id)
        return Opened(
            provider_ref=str(order.payment_id),
            transfer=BankTransfer(**self._payee.model_dump(), amount=order.amount, reference=reference),
            expires_at=now + order.settles_within,
            facts=(self._looked(order.payment_id, FactKind.PROCESSING, now),),
        )

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:  # noqa: ARG002 - the protocol's
        """Say whether money came, or may still be on its way."""
        facts = await self.fetch(PaymentId(UUID(provider_ref)), provider_ref)
        kinds = {fact.kind for fact in facts}
        if FactKind.CAPTURED in kinds:
            return Closing.PAID
        return Closing.PROCESSING if FactKind.PROCESSING in kinds else Closing.CLOSED

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        """Give what came and what went; before anything came, whether it is still waited for."""
        if provider_ref != str(payment_id):
            raise NotFound("not_of_this_payment")
        if told := [self._fact(line) for line in await self._lines(payment_id)]:
            return told
        until = await self._memory.payable_until(payment_id)
        if until is None or until <= self._now():
            return [self._looked(payment_id, FactKind.EXPIRED, until or self._now())]
        return [self._looked(payment_id, FactKind.PROCESSING, self._now())]

    async def refund(
        self,
        provider_ref: str,  # noqa: ARG002 - the protocol's
        amount: Money,
        *,
        refund_id: str,
        op_key: str,  # noqa: ARG002 - the protocol's
        portions: Sequence[Portion] = (),
    ) -> RefundAnswer:
        """Owe it by transfer: an operator orders that at the bank, and says so when it is done."""
        refuse_to_divide(portions)
        return RefundAnswer(provider_ref=f"owed:{refund_id}", status=RefundStatus.PENDING, amount=amount)

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:
        """Look whether an operator has transferred a refund."""
        for line in await self._lines(PaymentId(UUID(provider_ref))):
            if str(line.refund_id) == refund_id:
                return RefundAnswer(provider_ref=line.name, status=RefundStatus.COMPLETED, amount=line.amount)
        return None

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:
        """Read a line that an operator has told."""
        try:
            line = Line.model_validate_json(raw)
        except ValidationError:
            return ()
        return (
            WebhookEvent(
                event_id=line.name,
                kind=line.kind.value,
                occurred_at=line.booked_at,
                live=line.live,
                tenant_id=line.tenant_id,
                payment_id=line.payment_id,
                facts=(self._fact(line),),
            ),
        )

    async def _lines(self, payment_id: PaymentId) -> list[Line]:
        return [Line.model_validate_json(raw) for raw in await self._memory.told(payment_id)]

    def _fact(self, line: Line) -> PaymentFact:
        came = line.kind is LineKind.RECEIPT
        return PaymentFact(
            event_id=line.name,
            provider=self.provider,
            account=self.account,
            payment_id=line.payment_id,
            kind=FactKind.CAPTURED if came else FactKind.REFUNDED,
            provider_ref=str(line.payment_id),
            operation=line.name,
            amount=line.amount,
            occurred_at=line.booked_at,
            source=FactSource.REPORT,
            method=TRANSFER if came else None,
            refund_id=line.refund_id,
        )

    def _looked(self, payment_id: PaymentId, kind: FactKind, at: datetime) -> PaymentFact:
        return PaymentFact(
            event_id=f"look:{payment_id}:{kind.value}",
            provider=self.provider,
            account=self.account,
            payment_id=payment_id,
            kind=kind,
            provider_ref=str(payment_id),
            occurred_at=at,
            source=FactSource.API,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
