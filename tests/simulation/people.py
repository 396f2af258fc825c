"""Buyers, partners and operators: what they wish for, when, and how they go on when no answer comes."""

from datetime import timedelta
from enum import StrEnum
from functools import partial
from uuid import UUID

from domain.booking import CancelBooking
from domain.ids import PaymentId
from domain.money import Money
from domain.payment import StartPayment
from tests.simulation.clock import Clock
from tests.simulation.command import Answered
from tests.simulation.engine import Engine
from tests.simulation.fault import Fault, Faults
from tests.simulation.provider import ACCOUNT, PROVIDER
from tests.simulation.relay import Relay
from tests.simulation.world.rows import Booking
from tests.simulation.world.world import World
from workflows import names

ATTENTION = names.NEEDS_ATTENTION.name


class Manner(StrEnum):
    """What a buyer does with a checkout."""

    PAYS = "pays"
    AT_THE_EDGE = "pays in the moment in which the hold ends"
    DECLINED_ONCE = "is declined, then pays"
    DECLINED = "is declined until no more is allowed"
    LEAVES = "leaves"
    BANK_YES = "the bank decides later, yes"
    BANK_NO = "the bank decides later, no"
    HALVES = "pays in two halves"

    def __repr__(self) -> str:
        return f"Manner.{self.name}"


class Buyer:
    """One buyer of one booking."""

    def __init__(
        self, clock: Clock, faults: Faults, world: World, relay: Relay, booking: Booking, manner: Manner
    ) -> None:
        self.clock, self.faults, self.world, self.relay = clock, faults, world, relay
        self.engine: Engine = relay.engine
        self.booking, self.manner = booking, manner
        self.manual, self.review = False, False
        self.decides_after: timedelta | None = None
        self.wishes = self.refusals = 0

    def come(self) -> None:
        """Do all that this buyer will do by himself."""
        if self.booking.due.minor:
            self._later(0.1, 30, self.wish)
        if self.faults.strike(Fault.SECOND_CHECKOUT):
            self._later(5, 800, self.wish)
        if self.faults.strike(Fault.CANCELLED):
            self._later(0.1, 1_000, self.cancel)

    def wish(self) -> None:
        """Wish to pay, by a payment of its own."""
        self.wishes += 1
        due = self.booking.due
        amount = due.minor // 2 if self.manner is Manner.HALVES else due.minor
        ask = StartPayment(
            payment_id=PaymentId(UUID(int=self.faults.chance.getrandbits(128), version=4)),
            provider=PROVIDER,
            account=ACCOUNT,
            amount=Money(minor=amount, currency=due.currency),
            return_url="",
            manual=self.manual,
            review=self.review,
        )
        self.ask_to_pay(ask)
        if self.faults.strike(Fault.REPEATED):
            self._later(0.01, 60, partial(self.ask_to_pay, ask))

    def ask_to_pay(self, ask: StartPayment) -> None:
        """Ask for a checkout; the same payment is the same wish."""
        run = self.relay.begin(self.booking)
        if run:
            update_id = names.payment_update(ask.payment_id)
            self.engine.update(run, "start_payment", update_id, ask, partial(self.answered, ask))

    def answered(self, ask: StartPayment, answer: Answered | None) -> None:
        """Go to the checkout, or wish again."""
        if answer is None:
            return
        if answer.answer is not None:
            self._later(0.5, 30, partial(self.go_to_checkout, ask.payment_id))
        elif answer.refusal is None:  # no answer came: the same request again
            self._later(1, 10, partial(self.ask_to_pay, ask))
        elif answer.refusal == "ProviderAway" and self.wishes < 4:
            self._later(10, 60, self.wish)

    def go_to_checkout(self, payment_id: PaymentId) -> None:
        """Do there what this buyer does."""
        ref = self.world.payments[payment_id].ref
        assert ref, "the buyer was sent to a checkout that is not there"
        match self.manner:
            case Manner.PAYS | Manner.HALVES:
                self.pay(ref, payment_id)
            case Manner.AT_THE_EDGE:
                self.pay_at_the_edge(ref, payment_id)
            case Manner.DECLINED_ONCE:
                self.world.provider.decline(ref)
                self._later(1, 20, partial(self.pay, ref, payment_id))
            case Manner.DECLINED:
                for _ in range(5):
                    self._later(0, 20, partial(self.world.provider.decline, ref))
            case Manner.BANK_YES | Manner.BANK_NO:
                self.leave_it_to_the_bank(ref)
            case Manner.LEAVES:
                pass

    def pay_at_the_edge(self, ref: str, payment_id: PaymentId) -> None:
        """Pay in the very moment in which the hold ends, a little before or after."""
        left = (self.booking.expires_at or self.clock.now) - self.clock.now
        moment = max(timedelta(0), left + self.faults.between(-1.5, 1.5))
        self.clock.after(moment, partial(self.pay, ref, payment_id))

    def leave_it_to_the_bank(self, ref: str) -> None:
        """Pay in a way on which the bank decides later."""
        wait = self.decides_after or self.faults.between(1, 120)
        if self.faults.strike(Fault.PAID_LATE, 1):
            wait = self.faults.between(900, 270_000)
        if self.world.provider.bring_to_bank(ref):
            yes = self.manner is Manner.BANK_YES
            self.clock.after(wait, partial(self.world.provider.decide, ref, yes=yes))

    def pay(self, ref: str, payment_id: PaymentId) -> None:
        """Pay, if the checkout is still open."""
        amount = self.world.payments[payment_id].wish.amount
        minor = amount.minor + 1 if self.faults.strike(Fault.OTHER_AMOUNT) else None
        paid = self.world.provider.pay(ref, minor=minor)
        if paid and self.faults.strike(Fault.HINT):
            self._later(0, 5, partial(self.hint, payment_id))
        if paid and self.manner is Manner.HALVES and self.wishes < 2:
            self._later(1, 60, self.wish)

    def hint(self, payment_id: PaymentId) -> None:
        """Say that it is paid."""
        run = self.engine.open(names.booking(self.booking.id))
        if run:
            self.engine.update(run, "check_payment", f"check:{payment_id}", payment_id, lambda _: None)

    def cancel(self) -> None:
        """Cancel; asked again as long as no answer comes."""
        run = self.relay.begin(self.booking)
        if run:
            wish = CancelBooking(by="buyer")
            self.engine.update(run, "cancel", "cancel", wish, self._cancelled)

    def _cancelled(self, answer: Answered | None) -> None:
        if answer and answer.answer is None and answer.refusal is None:
            self._later(1, 10, self.cancel)

    def _later(self, least: float, most: float, do: object) -> None:
        assert callable(do)
        self.clock.after(self.faults.between(least, most), do)


class Operator:
    """Looks at runs that need a person, and retries what is parked."""

    def __init__(self, clock: Clock, engine: Engine) -> None:
        self.clock, self.engine = clock, engine

    def look_from_time_to_time(self) -> None:
        """Look again and again, as long as a story may take."""
        for hours in (1, 4, 12, 30, 60, 90, 200):
            self.clock.after(timedelta(hours=hours), partial(self.look, hours))

    def look(self, hours: int) -> None:
        """Retry what waits for a person."""
        for run in [*self.engine.runs.values()]:
            if run.closed is None and run.attributes.get(ATTENTION) and run.id.startswith("booking:"):
                self.engine.update(run, "retry_step", f"retry:{hours}", None, lambda _: None)
