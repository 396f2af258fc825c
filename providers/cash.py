"""Cash at the box office: whoever sells has the money in hand when they ask, so it is taken at once.

Nobody else remembers it. The reference says how much was taken, so that asking again gives the same fact.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import CASH, Closing, FactKind, FactSource, PaymentFact
from domain.split import Portion
from providers.gateway import NotFound, Opened, Order, RefundAnswer, RefundStatus, refuse_to_divide
from providers.offline import OfflineGateway


class CashGateway(OfflineGateway):
    """The drawer of one account."""

    provider = CASH

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:  # noqa: ARG002 - the protocol's
        """Take the money; the same order is taken once, for its reference is the same."""
        refuse_to_divide(order.portions)
        ref = f"cash:{order.amount.minor}:{order.amount.currency}:{order.payment_id}"
        return Opened(provider_ref=ref, facts=(self._taken(order.payment_id, ref),))

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:  # noqa: ARG002 - the protocol's
        """Say that it is paid: cash that was taken was taken."""
        return Closing.PAID

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
        portions: Sequence[Portion] = (),
    ) -> RefundAnswer:
        """Give it back over the counter: done when it is asked."""
        refuse_to_divide(portions)
        return RefundAnswer(provider_ref=f"cash:{refund_id}", status=RefundStatus.COMPLETED, amount=amount)

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:  # noqa: ARG002 - the protocol's
        """Find nothing: given again it is the same."""
        return None

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
