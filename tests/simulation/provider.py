"""A payment provider in memory: its checkouts, what buyers do there, and what it tells us.

It keeps its own books: what it charged is what really was charged. Like the real ones it takes two requests
under one key for one, and under another key for another one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact
from tests.simulation.clock import Clock

PROVIDER, ACCOUNT = "stripe", "default"


class State(StrEnum):
    """Where a checkout stands; `undecided` is with the bank."""

    OPEN = "open"
    UNDECIDED = "undecided"
    AUTHORIZED = "authorized"
    VOIDED = "voided"
    PAID = "paid"
    EXPIRED = "expired"


@dataclass
class AtProvider:
    """One checkout in the provider's books."""

    ref: str
    payment_id: PaymentId
    amount: Money
    manual: bool = False
    state: State = State.OPEN
    facts: list[PaymentFact] = field(default_factory=list)
    charged: int = 0
    refunds: dict[str, int] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)

    @property
    def kept(self) -> int:
        """What was charged and has not gone back, in minor units."""
        return self.charged - sum(minor for ref, minor in self.refunds.items() if ref not in self.returned)


class Provider:
    """All checkouts by their references; `tell` hears everything that happens."""

    def __init__(self, clock: Clock, tell: Callable[[PaymentFact], None]) -> None:
        self.checkouts: dict[str, AtProvider] = {}
        self._clock, self._tell = clock, tell
        self._by_key: dict[str, str] = {}

    # --- what our steps ask

    def open(self, payment_id: PaymentId, amount: Money, *, key: str, manual: bool) -> AtProvider:
        """Open a checkout, `manual` to authorise only; the same key is the same checkout."""
        if key not in self._by_key:
            self._by_key[key] = ref = f"cs_{len(self.checkouts) + 1}"
            self.checkouts[ref] = AtProvider(ref, payment_id, amount, manual)
            self._clock.note(f"the provider opens {ref}")
        return self.checkouts[self._by_key[key]]

    def find(self, payment_id: PaymentId) -> AtProvider | None:
        """Find what was opened for a payment."""
        return next((each for each in self.checkouts.values() if each.payment_id == payment_id), None)

    def close(self, ref: str) -> Closing:
        """Close a checkout, unless it was paid or is with the bank."""
        checkout = self.checkouts[ref]
        if checkout.state is State.OPEN:
            checkout.state = State.EXPIRED
            self._happens(checkout, FactKind.EXPIRED, "")
        if checkout.state in (State.PAID, State.AUTHORIZED):
            return Closing.PAID
        return Closing.PROCESSING if checkout.state is State.UNDECIDED else Closing.CLOSED

    def capture(self, ref: str) -> None:
        """Take what was authorised; nothing, when it was taken or is gone."""
        checkout = self.checkouts[ref]
        if checkout.state is State.AUTHORIZED:
            self._charge(checkout, None)

    def void(self, ref: str) -> None:
        """Release what was authorised; nothing, when it was taken or is gone."""
        checkout = self.checkouts[ref]
        if checkout.state is State.AUTHORIZED:
            checkout.state = State.VOIDED
            self._happens(checkout, FactKind.CANCELLED, "")

    def refund(self, ref: str, minor: int, *, refund_id: str) -> str:
        """Give money back once per refund; gives the provider's reference of it."""
        checkout = self.checkouts[ref]
        given = f"re_{refund_id}"
        if given not in checkout.refunds:
            assert minor <= checkout.kept, "more goes back than was taken"
            checkout.refunds[given] = minor
            self._happens(checkout, FactKind.REFUNDED, given, minor)
        return given

    def find_refund(self, ref: str, *, refund_id: str) -> str | None:
        """Find a refund by our id."""
        given = f"re_{refund_id}"
        return given if given in self.checkouts[ref].refunds else None

    # --- what buyers and banks do

    def decline(self, ref: str) -> bool:
        """Let the bank decline; says whether the checkout could be paid at all."""
        checkout = self.checkouts[ref]
        if checkout.state is State.OPEN:
            self._happens(checkout, FactKind.DECLINED, f"de_{ref}_{len(checkout.facts)}")
        return checkout.state is State.OPEN

    def pay(self, ref: str, *, minor: int | None = None) -> bool:
        """Pay, in full unless said; says whether the checkout could be paid."""
        checkout = self.checkouts[ref]
        if checkout.state is not State.OPEN:
            return False
        self._authorize(checkout, minor)
        return True

    def bring_to_bank(self, ref: str) -> bool:
        """Pay in a way on which the bank decides later; says whether the checkout could be paid."""
        checkout = self.checkouts[ref]
        if checkout.state is not State.OPEN:
            return False
        checkout.state = State.UNDECIDED
        self._happens(checkout, FactKind.PROCESSING, "")
        return True

    def decide(self, ref: str, *, yes: bool) -> None:
        """Let the bank decide."""
        checkout = self.checkouts[ref]
        if yes:
            self._authorize(checkout, None)
        else:
            checkout.state = State.EXPIRED  # a hosted page is left behind for good
            self._happens(checkout, FactKind.DECLINED, f"de_{ref}_{len(checkout.facts)}")

    def lapse(self, ref: str) -> None:
        """Let what the bank has not decided lapse."""
        checkout = self.checkouts[ref]
        checkout.state = State.EXPIRED
        self._happens(checkout, FactKind.EXPIRED, "")

    def send_back(self, ref: str, refund: str) -> None:
        """Let the buyer's bank send a refund back."""
        checkout = self.checkouts[ref]
        checkout.returned.add(refund)
        self._happens(checkout, FactKind.REFUND_FAILED, refund, checkout.refunds[refund])

    def _authorize(self, checkout: AtProvider, minor: int | None) -> None:
        if not checkout.manual:
            self._charge(checkout, minor)
            return
        checkout.state = State.AUTHORIZED
        self._happens(checkout, FactKind.AUTHORIZED, f"pi_{checkout.ref}", checkout.amount.minor)

    def _charge(self, checkout: AtProvider, minor: int | None) -> None:
        checkout.state = State.PAID
        checkout.charged = checkout.amount.minor if minor is None else minor
        self._happens(checkout, FactKind.CAPTURED, f"ch_{checkout.ref}", checkout.charged)

    def _happens(
        self, checkout: AtProvider, kind: FactKind, operation: str, minor: int | None = None
    ) -> None:
        amount = None if minor is None else Money(minor=minor, currency=checkout.amount.currency)
        fact = PaymentFact(
            event_id=f"evt_{checkout.ref}_{len(checkout.facts) + 1}",
            provider=PROVIDER,
            account=ACCOUNT,
            payment_id=checkout.payment_id,
            kind=kind,
            provider_ref=checkout.ref,
            operation=operation,
            amount=amount,
            occurred_at=self._clock.now,
            source=FactSource.WEBHOOK,
        )
        checkout.facts.append(fact)
        self._clock.note(f"at the provider {checkout.ref} is {kind.value}")
        self._tell(fact)
