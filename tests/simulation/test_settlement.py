"""What news of a payment becomes while the places are held: the column of the table that the running saga
acts on. The others are judged over rows by `tests/activities/test_settlement.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from domain.booking import BookingStatus
from domain.ids import PaymentId
from domain.payment import AskPayment, PaymentReport, PaymentStatus, StartPayment
from tests.simulation.engine import Run
from tests.simulation.fault import Fault
from tests.simulation.people import Manner
from tests.simulation.provider import ACCOUNT, PROVIDER, State
from tests.simulation.step import Outage
from tests.simulation.story import Plot, Story
from tests.simulation.world.payment import Payments, Pieces
from workflows import names
from workflows.aftercare import AftercareWorkflow
from workflows.payment import Payments as Asked

# The bank is asked within a minute, and decides behind the end of the hold, before the wait is over.
BEHIND_THE_END = timedelta(seconds=910)
LONG_AFTER = timedelta(hours=3)


@dataclass(frozen=True)
class Held:
    """A story of one buyer, how it ends, and how often its places were taken."""

    name: str
    manner: Manner
    end: BookingStatus
    troubles: tuple[Fault, ...] = ()
    decides_after: timedelta | None = None
    holds: int = 1


HELD = (
    Held("success confirms", Manner.PAYS, BookingStatus.CONFIRMED),
    Held("a decline counts", Manner.DECLINED_ONCE, BookingStatus.CONFIRMED),
    Held("the last decline ends it", Manner.DECLINED, BookingStatus.FAILED),
    Held("the bank is waited for", Manner.BANK_YES, BookingStatus.CONFIRMED, decides_after=BEHIND_THE_END),
    Held("its no ends the wait", Manner.BANK_NO, BookingStatus.FAILED, decides_after=BEHIND_THE_END),
    Held("it is waited for once", Manner.BANK_NO, BookingStatus.EXPIRED, decides_after=LONG_AFTER),
    Held("who leaves loses the places", Manner.LEAVES, BookingStatus.EXPIRED),
    Held("another amount is no pay", Manner.PAYS, BookingStatus.REFUNDED, (Fault.OTHER_AMOUNT,)),
)


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.name)
def test_the_run_does_what_the_table_says_while_the_places_are_held(held: Held) -> None:
    plot = Plot(held.troubles, held.manner, 1, 1, decides_after=held.decides_after)

    stories = [Story(seed, plot).tell() for seed in range(20)]

    struck = [each for each in stories if {*held.troubles} <= each.faults.struck.keys()]
    assert struck
    assert {story.booking.status for story in struck} == {held.end}
    assert {len(story.booking.holds) for story in struck} == {held.holds}


def test_what_lapses_at_the_bank_ends_the_wait_that_was_put_off_for_it() -> None:
    story = Story(3, Plot((), Manner.BANK_YES, 1, 1, decides_after=timedelta(days=400)))
    story.begin()
    story.clock.run(BEHIND_THE_END)
    (checkout,) = story.world.provider.checkouts.values()
    assert checkout.state is State.UNDECIDED

    story.world.provider.lapse(checkout.ref)
    story.clock.run(timedelta(seconds=30))

    assert story.booking.status is BookingStatus.FAILED


def charged(seed: int, *troubles: Fault) -> Story:
    """Tell a story until its buyer has paid."""
    story = Story(seed, Plot(troubles, Manner.PAYS, 1, 1))
    story.begin()
    while not any(each.charged for each in story.world.provider.checkouts.values()):
        story.clock.run(timedelta(milliseconds=5))
    return story


@pytest.mark.parametrize("seed", range(5))
def test_a_payment_about_which_nobody_could_be_asked_is_asked_about_again_before_the_hold_ends(
    seed: int,
) -> None:
    story = charged(seed)

    story.steps.leave(timedelta(minutes=3), foreign=True)
    story.clock.run(timedelta(minutes=5))

    assert story.booking.status is BookingStatus.CONFIRMED


def by_the_buyer(story: Story, run: Run) -> None:
    """Let the buyer say that it is paid."""
    payment, *_ = story.booking.payments
    story.engine.update(run, "check_payment", "check:1", payment.id, lambda _: None)


def by_a_run_begun_anew(story: Story, run: Run) -> None:
    """Lose the run, and begin another, which looks after what the first has left."""
    story.engine.forget(run)
    story.relay.begin(story.booking)


@pytest.mark.parametrize("asked", [by_the_buyer, by_a_run_begun_anew])
def test_what_nobody_could_be_asked_about_is_asked_about_again_though_nobody_tells_of_it(
    asked: Callable[[Story, Run], None],
) -> None:
    stories = [charged(seed, Fault.WEBHOOK_LOST) for seed in range(20)]
    untold = [story for story in stories if story.faults.struck[Fault.WEBHOOK_LOST]]

    for story in untold:
        run = story.engine.open(names.booking(story.booking.id))
        assert run
        story.steps.leave(timedelta(minutes=3), foreign=True)
        asked(story, run)
        story.clock.run(timedelta(minutes=5))

    assert {story.booking.status for story in untold} == {BookingStatus.CONFIRMED}


def aftercares(story: Story) -> set[str]:
    """Name the runs that looked after payments once the booking had ended."""
    return {run.id for run in story.engine.all if run.kind is AftercareWorkflow}


def test_what_is_said_of_money_that_is_known_is_no_reason_to_look_at_it_again() -> None:
    payment_id, other_id = PaymentId(UUID(int=1)), PaymentId(UUID(int=2))
    paid = PaymentReport(
        payment_id=payment_id,
        status=PaymentStatus.CAPTURED,
        currency="EUR",
        asked_minor=2_500,
        captured_minor=2_500,
    )
    known, unknown = Asked(to_check=[payment_id]), Asked(to_check=[other_id])

    for payments in (known, unknown):
        payments.note(paid)

    assert (known.for_aftercare(2_500), unknown.for_aftercare(2_500)) == ([], [other_id, payment_id])


class Losing:
    """Does what is asked about a payment, and loses the answers as long as the booking's own run waits."""

    def __init__(self, story: Story, payment_id: PaymentId) -> None:
        self._story, self._payment_id = story, payment_id
        self._payments = Payments(story.world)

    def check_payment(self, ask: AskPayment) -> Pieces[PaymentReport]:
        """Ask the provider, and write what it says."""
        report = yield from self._payments.check_payment(ask)
        if ask.payment_id == self._payment_id and self._story.relay.owns(self._story.booking.id):
            raise Outage(Fault.ANSWER_LOST)
        return report


def by_the_provider(story: Story, run: Run) -> None:
    """Leave it to the webhook that is on its way."""


@pytest.mark.parametrize("asked", [by_the_buyer, by_the_provider])
@pytest.mark.parametrize("seed", range(5))
def test_of_two_payments_one_goes_back_though_the_run_never_learned_of_the_first(
    seed: int, asked: Callable[[Story, Run], None]
) -> None:
    """A page that was closed is paid after all. What is asked about it is written down, the answer is lost:
    the rows say that the first has paid for the booking, the run believes that it was the second.
    """
    story = Story(seed, Plot((), Manner.LEAVES, 1, 1))
    story.begin()
    story.clock.run(timedelta(minutes=1))
    run = story.engine.open(names.booking(story.booking.id))
    assert run
    wish = StartPayment(
        payment_id=PaymentId(UUID(int=seed)),
        provider=PROVIDER,
        account=ACCOUNT,
        amount=story.booking.due,
        return_url="",
    )
    story.engine.update(run, "start_payment", names.payment_update(wish.payment_id), wish, lambda _: None)
    story.clock.run(timedelta(seconds=10))
    closed, left = story.world.provider.checkouts.values()
    assert (closed.state, left.state) == (State.EXPIRED, State.OPEN)

    story.steps.doers.insert(0, Losing(story, closed.payment_id))
    story.world.provider.decide(closed.ref, yes=True)
    asked(story, run)
    story.clock.run(timedelta(minutes=2))
    story.world.provider.pay(left.ref)
    story.clock.run()

    story.look()
    assert story.booking.status is BookingStatus.CONFIRMED
    assert (closed.kept, left.kept) == (closed.charged, 0)
    assert aftercares(story) == {names.aftercare(each.payment_id) for each in (closed, left)}


def asked_of_a_partner(seed: int) -> Story:
    """Tell a story until its buyer has paid, and somewhat longer."""
    story = Story(seed, Plot((), Manner.PAYS, 1, 1, partner_within=LONG_AFTER))
    story.begin()
    story.clock.run(timedelta(seconds=90))
    return story


def is_held_for_its_partner(story: Story) -> bool:
    """Say whether a partner thinks, and the money is only held meanwhile."""
    (checkout,) = story.world.provider.checkouts.values()
    return story.booking.status is BookingStatus.AWAITING_PARTNER and checkout.state is State.AUTHORIZED


def test_money_that_goes_while_a_partner_thinks_is_missed_though_nobody_could_be_asked_at_first() -> None:
    waiting = [*filter(is_held_for_its_partner, (asked_of_a_partner(seed) for seed in range(20)))]

    for story in waiting:
        (checkout,) = story.world.provider.checkouts.values()
        story.world.provider.void(checkout.ref)
        story.steps.leave(timedelta(minutes=3), foreign=True)
        story.clock.run(timedelta(minutes=5))

    assert waiting
    assert BookingStatus.AWAITING_PARTNER not in {story.booking.status for story in waiting}
