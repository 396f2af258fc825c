"""What Holdfast asks of any payment provider, and everything an answer may be.

A gateway answers in provider-neutral facts (`domain.payment`); no object of a provider's SDK leaves it. Every
call that changes something takes `op_key`, the idempotency key that the provider sees. A status word that the
gateway does not know is `pending`. What goes wrong is one of:

    GatewayTrouble
    ├── Declined          the buyer's bank says no; trying again is the buyer's decision
    ├── Refused           the provider will not take the request: a defect or a wrong configuration of ours
    ├── NeedsFunds        our balance there is too small: later, and a person has to know
    ├── StateConflict     the object is in another state than we thought: ask, then decide
    ├── NotFound          the provider does not know the reference
    ├── NotExecuted       nothing happened (still at it, rate limit): same key again, later
    │   ├── Unreachable       no connection came about
    │   ├── Busy              too many of our own calls are running
    │   └── CircuitOpen       the account did not answer lately, and is left alone for a while
    └── OutcomeUnknown    we cannot say whether it happened (time-out, reset, 5xx): look up, then the same key
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import Field

from domain.bank import BankTransfer
from domain.ids import BookingId, PaymentId, TenantId
from domain.money import Money
from domain.payment import Closing, PaymentFact
from domain.split import Portion
from domain.value import Value
from providers.books import Books
from providers.dispute import Disputes
from providers.transfer import PaidOut, Transferred, Transfers
from providers.vault import Stored, Vault

# What may be a key of the inbox. What an authentic event calls itself otherwise is not readable.
NAME = r"^[!-~]{1,255}$"


class GatewayTrouble(Exception):
    """Raised, in its kinds, when a provider did not do what it was asked; `reason` is a code of ours, never
    the provider's text.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Declined(GatewayTrouble):
    """Raised when the buyer's bank says no."""


class Refused(GatewayTrouble):
    """Raised when the provider rejects the request itself; a person has to look."""


class NeedsFunds(GatewayTrouble):
    """Raised when our balance at the provider is too small; nothing happened."""


class StateConflict(GatewayTrouble):
    """Raised when the object is no longer in a state that allows the request."""


class NotFound(GatewayTrouble):
    """Raised when the provider knows no such object."""


class NotExecuted(GatewayTrouble):
    """Raised when nothing happened at the provider; `retry_after` is its own wish."""


class Unreachable(NotExecuted):
    """Raised when no connection came about, so that nothing was sent."""


class Busy(NotExecuted):
    """Raised when too many calls to the account run and wait already."""


class CircuitOpen(NotExecuted):
    """Raised when the account did not answer lately: nobody is asked until `retry_after`."""


class OutcomeUnknown(GatewayTrouble):
    """Raised when nobody can say whether it happened."""


class BadSignature(Exception):
    """Raised when a webhook was not signed by whom it claims to come from, or too long ago or ahead; says
    nothing more.
    """


class Order(Value):
    """What a checkout is opened for.

    `expires_at` is when it should lapse by itself, where the provider can; `description` is shown to the
    buyer. `method` is the one to offer; without one, all that settle at once. With `manual_capture` the money
    is only authorised. It is divided into `portions`, by who divides. With `stored` it is tried at once with
    what the provider keeps for the buyer, who may still be asked by their bank. What is paid with is kept for
    `keeps_for`, where the vault has named a shopper. `settles_within` is how long a method that settles late
    may take.
    """

    tenant_id: TenantId
    booking_id: BookingId
    payment_id: PaymentId
    reference: str
    amount: Money
    description: str
    hosted: bool
    return_url: str
    expires_at: datetime | None = None
    manual_capture: bool = False
    method: str | None = None
    stored: Stored | None = None
    keeps_for: str | None = None
    portions: tuple[Portion, ...] = ()
    settles_within: timedelta | None = None


class Opened(Value):
    """An open checkout: its reference at the provider, and where or with what to pay; or `facts` of a payment
    that needs nobody any more, as cash does, or that was tried with a stored method. With `ends_wait` the
    booking waits for nothing else once it has lapsed. A `transfer` is waited for until `expires_at`, which is
    behind the order's own.
    """

    provider_ref: str
    payment_url: str | None = None
    client_secret: str | None = None
    expires_at: datetime | None = None
    ends_wait: bool = False
    transfer: BankTransfer | None = None
    facts: tuple[PaymentFact, ...] = ()


class RefundStatus(StrEnum):
    """Where a refund stands at the provider."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class RefundAnswer(Value):
    """What the provider says of a refund."""

    provider_ref: str
    status: RefundStatus
    amount: Money


class WebhookEvent(Value):
    """One authentic event, as far as the inbox needs it; `kind` is the provider's own word.

    `facts` is empty for what moves no money. What is `foreign` is about another merchant than ours; what is
    `connected`, about one whom we pay, of whom we are told in either mode. `disputed` is the provider's
    reference of a charge (or of its payment) that the payer's bank wants back, `dispute` the reference of the
    dispute itself. `transfer` is where money that we owe others stands, which moves no booking.
    """

    event_id: Annotated[str, Field(pattern=NAME)]
    kind: Annotated[str, Field(pattern=NAME)]
    occurred_at: datetime
    live: bool
    tenant_id: TenantId | None = None
    booking_id: BookingId | None = None
    payment_id: PaymentId | None = None
    foreign: bool = False
    connected: bool = False
    facts: tuple[PaymentFact, ...] = ()
    disputed: str | None = None
    dispute: str | None = None
    transfer: Transferred | PaidOut | None = None


class Missed(Value):
    """A page of what a provider has told, each as the bytes of a delivery, the oldest first; all of the next
    page, which is found by `onward`, is older. Without one there is no more.
    """

    deliveries: tuple[bytes, ...] = ()
    onward: str = ""


class Gateway(Protocol):
    """One account at one payment provider."""

    @property
    def provider(self) -> str:
        """The provider's name in our records: stripe, adyen, paypal, bank, cash."""

    @property
    def account(self) -> str:
        """Our name of the account."""

    @property
    def divides(self) -> bool:
        """Whether the provider divides a payment among its payees as it takes it."""

    @property
    def vault(self) -> Vault | None:
        """The means of payment kept for buyers; nothing where the provider keeps none."""

    @property
    def books(self) -> Books | None:
        """What the provider holds for us; nothing where nobody else holds it."""

    @property
    def transfers(self) -> Transfers | None:
        """What is paid to others; nothing where the provider pays nobody."""

    @property
    def disputes(self) -> Disputes | None:
        """What payers' banks want back; nothing where nobody can want it."""

    def refuse_if_away(self) -> None:
        """Say before anything is written that asking is of no use now. Raises CircuitOpen."""

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        """Open a checkout; the same key opens the same one.

        Raises Refused, Declined, NotExecuted, OutcomeUnknown.
        """

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:
        """Look for a checkout that an earlier call may have opened, by our payment id.

        Raises NotExecuted, OutcomeUnknown.
        """

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:
        """Make sure that it cannot be paid any more, or learn why not. What is authorised counts as paid.

        Raises NotFound, NotExecuted, OutcomeUnknown.
        """

    async def capture(
        self, provider_ref: str, amount: Money, *, op_key: str, portions: Sequence[Portion] = ()
    ) -> None:
        """Take `amount` of what was authorised, divided into `portions`. The rest is released, unless the
        account is one that keeps it held: then more is taken under another key.

        Raises StateConflict (taken already, or no longer authorised), Declined (where the bank is asked only
        now: nothing is authorised any more), Refused, NotExecuted, OutcomeUnknown.
        """

    async def void(self, provider_ref: str, *, op_key: str) -> None:
        """Release what was authorised; released already is done.

        Raises StateConflict (taken already), NotExecuted, OutcomeUnknown.
        """

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        """Give all facts the provider knows of a checkout, refunds too, source *api*.

        Raises NotFound, NotExecuted, OutcomeUnknown.
        """

    async def refund(
        self,
        provider_ref: str,
        amount: Money,
        *,
        refund_id: str,
        op_key: str,
        portions: Sequence[Portion] = (),
    ) -> RefundAnswer:
        """Give money back, of a divided payment as the `portions` say.

        Raises NeedsFunds, Refused, StateConflict, NotExecuted, OutcomeUnknown.
        """

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:
        """Look for a refund that an earlier call may have made, by our refund id."""

    async def missed(self, since: datetime, *, onward: str = "", most: int = 100) -> Missed:
        """List what was told since about money, from `onward` of the page before, or the newest; at most
        `most` (100 or fewer) of it, nothing where the provider keeps no such list.

        Raises NotExecuted, OutcomeUnknown, and Refused when it does not know that page any more.
        """

    async def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check that a webhook is authentic and fresh; names of headers are in lower case.

        Raises BadSignature, whatever the bytes, and OutcomeUnknown when what is needed for it cannot be had.
        """

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:
        """Read an authentic delivery.

        What is not understood becomes an event without facts; raises nothing for what a provider could send.
        """


def refuse_to_divide(portions: Sequence[Portion]) -> None:
    """Refuse what is to be divided, where a provider does not: passed over, a vendor's part would be ours.

    Raises Refused.
    """
    if portions:
        raise Refused("not_divided")


class Gateways(Protocol):
    """The accounts this process may use."""

    @property
    def names(self) -> Sequence[tuple[str, str]]:
        """List the accounts, each by its provider and our name of it."""

    def of(self, provider: str, account: str) -> Gateway | None:
        """Give the gateway of an account; nothing when there is none."""


class Accounts:
    """The accounts that an entry point has built gateways for."""

    def __init__(self, *gateways: Gateway) -> None:
        self._gateways = {(each.provider, each.account): each for each in gateways}

    @property
    def names(self) -> Sequence[tuple[str, str]]:
        """List the accounts, each by its provider and our name of it."""
        return list(self._gateways)

    def of(self, provider: str, account: str) -> Gateway | None:
        """Give the gateway of an account; nothing when there is none."""
        return self._gateways.get((provider, account))
