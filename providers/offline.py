"""What gateways share that have nobody to ask: people move the money, and say so here.

Nothing of it needs the network. Money that is there was taken whole: nothing is only authorised, nothing is
divided, and nobody tells us anything.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.ids import PaymentId
from domain.money import Money
from domain.split import Portion
from providers.books import Books
from providers.dispute import Disputes
from providers.gateway import BadSignature, Missed, Opened, StateConflict, WebhookEvent
from providers.transfer import Transfers
from providers.vault import Vault


class OfflineGateway:
    """One account without a provider; how its money is asked for, looked up and given back is its own."""

    divides = False
    vault: Vault | None = None
    books: Books | None = None
    transfers: Transfers | None = None
    disputes: Disputes | None = None

    def __init__(self, account: str) -> None:
        self.account = account

    def refuse_if_away(self) -> None:
        """Say nothing: nobody is asked, so nobody is away."""

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:  # noqa: ARG002 - the protocol's
        """Find nothing: what was asked for is known by our own row alone, and asked again it is the same."""
        return None

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

    async def missed(self, since: datetime, *, onward: str = "", most: int = 100) -> Missed:  # noqa: ARG002 - the protocol's
        """List nothing: nobody has told us anything."""
        return Missed()

    async def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:  # noqa: ARG002 - the protocol's
        """Refuse whatever comes."""
        raise BadSignature("nobody sends anything")

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:  # noqa: ARG002 - the protocol's
        """Read nothing."""
        return ()
