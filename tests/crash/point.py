"""The crash points: fifteen steps, each cut at three moments, for each process that may die; and pairs of
them on the way of the money.

A step is known by the message of its effect and by the message that reports it. New steps and stories are
added here and in `story.py`, nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

from db import notice, relay, ticket
from db.booking import confirm, end
from db.inventory import hold as holds, standing
from tests.crash.proxy import Moment, Seen
from tests.crash.site import (
    API,
    API_POSTGRES,
    BUYER_API,
    POSTGRES,
    PROVIDER_API,
    SANDBOX,
    TEMPORAL,
    WORKER,
    WORKER_POSTGRES,
    WORKER_SANDBOX,
    WORKER_TEMPORAL,
)

TARGETS = (WORKER, API, TEMPORAL, POSTGRES)
ALL_TARGETS = (*TARGETS, SANDBOX)
MONEY_PATH = ("S2", "S5", "S6", "C2", "C3")


def committed(link: str, *statements: str) -> Seen:
    """Know a transaction by its statements and values, or words of them, at its COMMIT."""
    return Seen(link, ("commit", *statements))


def task_completed(*words: str) -> Seen:
    """Know the workflow task that reports a step of our own database, or closes a run."""
    return Seen(WORKER_TEMPORAL, ("RespondWorkflowTaskCompleted", *words))


def activity_completed(step: str) -> Seen:
    """Know the report of a provider's step."""
    return Seen(WORKER_TEMPORAL, ("RespondActivityTaskCompleted", step))


@dataclass(frozen=True)
class Step:
    """One step of a booking's life: the `story` in which it is done, the message of its `effect`, the message
    that reports it (none: the answer to the effect is the report), what is asked instead when it is done
    `again` (none: the same), or why there is nothing to cut (`void`).
    """

    name: str
    does: str
    story: str = ""
    effect: Seen | None = None
    report: Seen | None = None
    again: Seen | None = None
    void: str = ""


STEPS = (
    Step(
        "S0",
        "accept the booking",
        "paid",
        committed(API_POSTGRES, "insert into bookings"),
        Seen(BUYER_API, ("POST /api/v1/bookings\n",)),
    ),
    Step(
        "S1",
        "adopt the door's hold",
        "paid",
        committed(WORKER_POSTGRES, standing.STANDING),
        task_completed("hold_places"),
    ),
    Step(
        "S2",
        "open the checkout",
        "paid",
        Seen(WORKER_SANDBOX, ("POST /stripe/v1/checkout/sessions\n",)),
        activity_completed("create_payment"),
        again=Seen(WORKER_SANDBOX, ("GET /stripe/v1/checkout/sessions?",)),
    ),
    Step(
        "S3",
        "tell the waiting run that it is paid",
        "paid",
        Seen(WORKER_TEMPORAL, ("SignalWorkflowExecution", "payment_reported")),
        committed(WORKER_POSTGRES, relay.EVENT_TOLD, "processed"),
    ),
    Step(
        "S4",
        "take the webhook",
        "paid",
        Seen(PROVIDER_API, ("POST /api/v1/webhooks", "payment_intent.succeeded")),
    ),
    Step(
        "S5",
        "capture",
        "captured",
        Seen(WORKER_SANDBOX, ("POST /stripe/v1/payment_intents/", "/capture")),
        activity_completed("capture_payment"),
    ),
    Step(
        "S6",
        "confirm, issue tickets, post the books",
        "paid",
        committed(WORKER_POSTGRES, ticket.ISSUE),
        task_completed("confirm_booking"),
        again=committed(WORKER_POSTGRES, confirm.BOOKING),
    ),
    Step(
        "S7",
        "tell the buyer",
        "paid",
        Seen(WORKER_SANDBOX, ("POST /sendgrid/v3/mail/send",)),
        activity_completed("send_notice"),
    ),
    Step("S8", "close the run", "paid", task_completed("confirm_booking")),
    Step(
        "C1",
        "give the places back",
        "cancelled",
        committed(WORKER_POSTGRES, holds.RELEASE),
        task_completed("release_places"),
    ),
    Step(
        "C2",
        "close the checkout",
        "cancelled",
        Seen(WORKER_SANDBOX, ("POST /stripe/v1/checkout/sessions/", "/expire")),
        activity_completed("return_payment"),
    ),
    Step(
        "C3",
        "give the money back",
        "refunded",
        Seen(WORKER_SANDBOX, ("POST /stripe/v1/refunds",)),
        activity_completed("refund_payment"),
        again=Seen(WORKER_SANDBOX, ("GET /stripe/v1/refunds?",)),
    ),
    Step(
        "C4",
        "void tickets, give the sold places back",
        "given_back",
        committed(WORKER_POSTGRES, ticket.VOID),
        task_completed("record_refund"),
    ),
    Step(
        "C5",
        "end the booking, tell of it",
        "cancelled",
        committed(WORKER_POSTGRES, end.END, notice.OWE),
        task_completed("end_booking"),
    ),
    Step("P1", "scheduled payout", void="there are no payouts yet"),
)
BY_NAME = {step.name: step for step in STEPS}


# What a buyer does where the story of neither step has both.
STORIES_OF_PAIRS: dict[tuple[str, ...], str] = {
    ("S5", "S6"): "captured",
    ("S5", "C2"): "paid_at_second",
    ("S6", "C2"): "paid_at_second",
    ("S5", "C3"): "one_after_the_other",
    ("S6", "C3"): "one_after_the_other",
}


@dataclass(frozen=True)
class Blow:
    """A step that is cut at a moment; `again`: when it is repeated."""

    step: Step
    moment: Moment
    again: bool = False

    @property
    def name(self) -> str:
        """Such as `S2b`."""
        return f"{self.step.name}{self.moment.value}"

    @property
    def seen(self) -> Seen | None:
        """The message at which the blow falls."""
        if self.again and self.step.again:
            return self.step.again
        reported = self.moment is Moment.REPORTED and self.step.report is not None
        return self.step.report if reported else self.step.effect


@dataclass(frozen=True)
class Point:
    """One or two blows that hit one process."""

    blows: tuple[Blow, ...]
    target: str

    @property
    def name(self) -> str:
        """Such as `S2b-worker` or `S2b+C3b-postgres`."""
        return f"{'+'.join(blow.name for blow in self.blows)}-{self.target}"

    @property
    def story(self) -> str:
        """What the buyer does meanwhile."""
        steps = tuple(blow.step.name for blow in self.blows)
        return STORIES_OF_PAIRS.get(steps, self.blows[-1].step.story)

    @property
    def void(self) -> str:
        """Why there is nothing to cut, if so."""
        return next((f"{blow.step.name}: {blow.step.void}" for blow in self.blows if blow.step.void), "")


def singles(targets: tuple[str, ...] = ALL_TARGETS) -> Iterator[Point]:
    """Give every step at every moment for every target, the targets in turn: what a worker leaves behind is
    waited for while others are busy.
    """
    for step in STEPS:
        for moment in Moment:
            for target in targets:
                yield Point((Blow(step, moment),), target)


def pairs() -> Iterator[Point]:
    """Give every pair of steps of the money path, both cut when done and not reported."""
    for first, second in combinations_with_replacement(MONEY_PATH, 2):
        blows = (Blow(BY_NAME[first], Moment.DONE), Blow(BY_NAME[second], Moment.DONE, again=first == second))
        for target in TARGETS:
            yield Point(blows, target)


def is_on_money_path(point: Point) -> bool:
    """Say whether the point is one of the twenty that every run of the tests takes."""
    (first, *more) = point.blows
    common = point.target in TARGETS and first.moment is Moment.DONE
    return common and not more and first.step.name in MONEY_PATH
