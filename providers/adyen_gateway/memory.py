"""What a gateway to a provider that cannot be asked has to remember: what it was told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.ids import PaymentId


class Memory(Protocol):
    """The authentic deliveries of one account, and until when what was opened can be paid."""

    async def told(self, payment_id: PaymentId) -> Sequence[bytes]:
        """Give the deliveries about a payment as they came, the first first."""

    async def payable_until(self, payment_id: PaymentId) -> datetime | None:
        """Give the end of a payment's checkout, UTC; nothing where none was written down."""

    async def reports(self) -> Sequence[bytes]:
        """Give the deliveries that tell of reports, the newest first; at most 400, a year of days."""
