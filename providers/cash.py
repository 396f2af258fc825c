"""Cash at the box office: whoever sells has the money in hand when they ask, so it is taken at once.

Nobody else remembers it. The reference says how much was taken, so that asking again gives the same fact.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import CASH, Closing, FactKind, FactSource, PaymentFact
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
    StateConflict,
    WebhookEvent,
)
from providers.transfer import Transfers
from providers.vault import Vault


class CashGateway:
    """The drawer of one account; its `fetch` and its answers need no network."""

    provider = CASH
    divides = False
    vault: Vault | None = None
    books: Books | None = None
    transfers: Transfers | None = None
    disputes: Disputes | None = None

    def __init__(self, account: str) -> None:
        self.account = account

    def refuse_if_away(self) -> None:
        """Say nothing: a drawer is never away."""

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:  # noqa: ARG002 - the protocol's
        """Take the money; the same order is taken once, for its reference is the same."""
        ref = f"cash:{order.amount.minor}:{order.amount.currency}:{order.payment_id}"
        return Opened(provider_ref=ref, facts=(self._taken(order.payment_id, ref),))

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:  # noqa: ARG002 - the protocol's
        """Find nothing: what was taken is known by our own row alone, and taken again it is the same."""
        return None

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:  # noqa: ARG002 - the protocol's
        """Say that it is paid: cash that was taken was taken."""
        return Closing.PAID

    async def capture(
        self,
        provider_ref: str,  # noqa: ARG002 - the protocol's
        amount: Money,  # noqa: ARG002 - the protocol's
        *,
        op_key: str,  # noqa: ARG002 - the protocol's
        portions: Sequence[Portion] = (),  # noqa: ARG002 - the protocol's
    ) -> None:
        """Refuse StateConflict: nothing is only authorised here."""
        raise StateConflict("taken_already")

    async def void(self, provider_ref: str, *, op_key: str) -> None:  # noqa: ARG002 - the protocol's
        """Refuse StateConflict: nothing is only authorised here."""
        raise StateConflict("taken_already")

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        """Give what the reference says was taken."""
        return [self._taken(payment_id, provider_ref)]

    async def refund(
        self,
        provider_ref: str,  # noqa: ARG002 - the protocol's
        amount: Money,
        *,
        refund_id: str,
        op_key: str,  # noqa: ARG002 - the protocol's
        portions: Sequence[Portion] = (),  # noqa: ARG002 - the protocol's
    ) -> RefundAnswer:
        """Give it back over the counter: done when it is asked."""
        return RefundAnswer(provider_ref=f"cash:{refund_id}", status=RefundStatus.COMPLETED, amount=amount)

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:  # noqa: ARG002 - the protocol's
        """Find nothing: given again it is the same."""
        return None

    async def missed(self, since: datetime, *, onward: str = "", most: int = 100) -> Missed:  # noqa: ARG002 - the protocol's
        """List nothing: a drawer tells nobody anything."""
        return Missed()

    async def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:  # noqa: ARG002 - the protocol's
        """Refuse whatever comes."""
        raise BadSignature("a drawer sends nothing")

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:  # noqa: ARG002 - the protocol's
        """Read nothing."""
        return ()

    def _taken(self, payment_id: PaymentId, ref: str) -> PaymentFact:
        kind, minor, currency, named = (*ref.split(":"), "", "", "")[:4]
        if (kind, named) != (CASH, str(payment_id)):
            raise NotFound("not_in_the_drawer")
        return PaymentFact(
            event_id=f"taken:{ref}",
            provider=self.provider,
            account=self.account,
            payment_id=payment_id,
            kind=FactKind.CAPTURED,
            provider_ref=ref,
            operation=ref,
            amount=Money(minor=int(minor), currency=currency),
            occurred_at=datetime.now(UTC),  # noqa: TID251 - the provider's clock is ours
            source=FactSource.API,
            method=CASH,
        )
