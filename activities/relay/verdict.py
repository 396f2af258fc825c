"""What became of an event of the inbox."""

from dataclasses import dataclass

from db.payment.read import Address
from domain.ids import PaymentId, TenantId


@dataclass(frozen=True)
class Verdict:
    """What became of an event, or, with `again`, why it is put off; `address` is the payment it is about,
    `owner` whose it is when it is about none.
    """

    status: str
    cause: str
    address: Address | None = None
    again: bool = False
    owner: TenantId | None = None

    @property
    def tenant_id(self) -> TenantId | None:
        """Whose event it turned out to be."""
        return self.address.tenant_id if self.address else self.owner

    @property
    def payment_id(self) -> PaymentId | None:
        """Which payment it is about."""
        return self.address.payment_id if self.address else None
