"""What a gateway to a provider that cannot be asked has to remember: what it was told."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from domain.ids import PaymentId
from providers.adyen_gateway.fact import Item

# What was told of a payment and is authentic.
Items = Callable[[PaymentId], Awaitable[Sequence[Item]]]
# How soon to look again for what a notification has to say.
SOON = timedelta(seconds=1)


class Memory(Protocol):
    """The authentic deliveries of one account, and until when what was opened can be paid."""

    async def told(self, payment_id: PaymentId) -> Sequence[bytes]:
        """Give the deliveries about a payment as they came, the first first."""

    async def payable_until(self, payment_id: PaymentId) -> datetime | None:
        """Give the end of a payment's checkout, UTC; nothing where none was written down."""

    async def reports(self) -> Sequence[bytes]:
        """Give the deliveries that tell of reports, the newest first; at most 400, a year of days."""
