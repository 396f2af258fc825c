"""Every side effect a saga may ask for: request, answer, where and how long it runs, and its undo.

A step is done by the activity that is registered under its name. Done twice, it gives its first answer again.
Its *no* is a refusal (`refused`, never retried); anything else that goes wrong is an outage and is tried
again until the step's deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain import refusal
from domain.aftercare import HandOver, LateMoney, Settled
from domain.booking import AskJudge, ConfirmBooking, Confirmed, EndBooking, Ended
from domain.dispute import DisputeReport, DisputeRequest
from domain.inventory import Hold, HoldPlaces, KeepPlaces, Kept
from domain.method import AskMethod
from domain.notice import SendNotice, Sent
from domain.payment import AskPayment, CapturePayment, Checkout, Closed, CreatePayment, PaymentReport
from domain.refund import RefundPayment, RefundReport, RefundRequest
from domain.refusal import Refusal
from domain.sweep import ListMissed, SweepRequest, Swept
from workflows import names

Request = TypeVar("Request")
Answer = TypeVar("Answer")

# The local tries of a step on our own database. maximum_attempts is a must: no timeout ends the retries of a
# local activity.
QUICK = RetryPolicy(
    initial_interval=timedelta(milliseconds=50), maximum_interval=timedelta(seconds=1), maximum_attempts=8
)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))

# What a step on our own database may take once it has been too slow for all its quick tries: a database that
# is slow, not away, would else be kept busy by steps that never come to their end.
UNHURRIED = timedelta(seconds=10)
# A provider's HTTP deadline is 10 s and a step makes two calls or so.
PROVIDER_CALL = timedelta(seconds=25)
# A worker that was silent for so long about a step is dead, and the step is done elsewhere.
HEARTBEAT = timedelta(seconds=8)
# What one look of the sweep may take; the next one goes on from there.
SWEEP = timedelta(minutes=2)
# An undo is never given up; after this long a person is told, and it goes on.
ALARM = timedelta(hours=1)


@dataclass(frozen=True)
class Step(Generic[Request, Answer]):
    """One declared side effect.

    `queue` none: our own database, as a local activity of at most `start_to_close`, and as an ordinary one,
    `UNHURRIED`, while the database is away or slow for longer than the quick tries. Otherwise an ordinary
    activity on that queue.
    `schedule_to_close` bounds all tries of an ordinary one, and `not_retried` names outages that end them at
    once; without `heartbeat` a worker's death is noticed after `start_to_close` only. `about` says in a few
    words, for whoever looks at the run, what it is done to; no person's data.
    """

    name: str
    answer: type[Answer]
    undo: "Step[Request, None] | None" = None
    queue: str | None = None
    start_to_close: timedelta = timedelta(seconds=2)
    schedule_to_close: timedelta | None = None
    about: Callable[[Request], str] | None = None
    not_retried: tuple[str, ...] = ()
    heartbeat: timedelta | None = HEARTBEAT


# Gives back what the booking holds: places of active holds are free again, the holds released (expired, if
# their time was over). Nothing held: nothing done. Purchased places stay.
release_places = Step[HoldPlaces, None]("release_places", type(None), schedule_to_close=ALARM)

# Adopts the hold that the door took for the booking, or takes one when it came another way. A repeat answers
# the same hold, with the seconds left by the database's clock: none left, when it is over and an earlier run
# has left payments. Refuses SoldOut, SalesClosed, HoldEnded (its time being over, the places are given back),
# BookingEnded.
hold_places = Step[HoldPlaces, Hold]("hold_places", Hold, undo=release_places)

# Keeps the places a grace behind `expires_at` (with `again`, behind now, or until a late method settles), and
# makes the booking `awaiting_payment`. A repeat for the same payment answers the first. Refuses HoldEnded
# (somebody has taken the places back, or the time is over), BookingEnded, InvalidRequest (a consent or
# passenger is missing).
keep_places = Step[KeepPlaces, Kept]("keep_places", Kept)

# Closes the checkout and voids the authorisation of this payment; money that was taken is handed to its
# aftercare. Never asked for: nothing done.
return_payment = Step[CreatePayment, None](
    "return_payment", type(None), queue=names.PROVIDERS, start_to_close=PROVIDER_CALL, schedule_to_close=ALARM
)

# Writes the payment's row, then opens its checkout at the provider under the key `<payment id>:create:<n>`. A
# repeat answers the same checkout. Refuses ProviderRefused. While the account is known not to answer it fails
# at once, for a buyer waits.
create_payment = Step[CreatePayment, Checkout](
    "create_payment",
    Checkout,
    undo=return_payment,
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=timedelta(seconds=60),
    about=lambda ask: f"{ask.wish.amount} by {ask.wish.provider}",
    not_retried=("CircuitOpen",),
)

# Asks the provider what became of the payment, writes it to the payment's row and, for money taken, to the
# books. Refuses Unknown (no such payment of this booking).
check_payment = Step[AskPayment, PaymentReport](
    "check_payment",
    PaymentReport,
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=timedelta(seconds=60),
)

# Makes sure that nothing more can be paid on this checkout, or learns that it was paid or is being decided.
# Closed stays closed. Refuses Unknown.
close_payment = Step[AskPayment, Closed](
    "close_payment",
    Closed,
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=timedelta(seconds=90),
)

# Takes what was authorised, right before the pivot; undone by `return_payment`. Taken already: nothing done.
# Refuses PaymentNotCompleted (the authorisation is gone), Unknown.
capture_payment = Step[CapturePayment, PaymentReport](
    "capture_payment",
    PaymentReport,
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=timedelta(hours=1),
    about=lambda ask: f"{ask.amount}",
)

# Writes that a partner or reviewer has to accept the booking, tells them, and keeps the places until their
# time is over. A repeat answers the first. Refuses HoldEnded, BookingEnded.
ask_judge = Step[AskJudge, Kept]("ask_judge", Kept)

# Releases what was authorised for a booking that has ended. Nothing authorised: nothing done. Refuses
# Unknown.
void_payment = Step[AskPayment, PaymentReport](
    "void_payment",
    PaymentReport,
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=ALARM,
)

# The pivot, in one transaction: hold purchased (taken anew if it was lost), tickets, books, booking
# confirmed, events, notices owed. A repeat answers the same. Refuses PaymentNotCompleted (less is paid than
# due), SoldOut and HoldEnded (the places are gone), BookingEnded.
confirm_booking = Step[ConfirmBooking, Confirmed]("confirm_booking", Confirmed)

# Writes the end of a booking that was not confirmed, with its events and notices; answers the state it ended
# in, also when it had ended before.
end_booking = Step[EndBooking, Ended]("end_booking", Ended)

# Tells the aftercare of the fact's payment, which is started if none runs. Telling twice is harmless.
hand_over = Step[HandOver, None]("hand_over", type(None))

# Takes the places again for money that came late, and confirms, in one transaction: only for a booking
# `expired` or `failed`, on sale and free, whose buyer has not booked the slot again. Otherwise answers that
# the money goes back, and why. A repeat answers the same.
settle_late_money = Step[LateMoney, Settled]("settle_late_money", Settled)

# Writes down that money of a payment goes back, under the refund's own id; the relay begins its run. A repeat
# answers the same. Refuses ExceedsCaptured.
open_refund = Step[RefundPayment, RefundReport](
    "open_refund",
    RefundReport,
    queue=names.PAYOUTS,
    schedule_to_close=ALARM,
    about=lambda ask: f"{ask.amount or 'all'}: {ask.cause}",
)

# Sees to it that the provider has the refund, once, and answers how it stands there; a repeat looks again.
# What the provider cannot or will not do now is answered, not refused. Refuses Unknown.
refund_payment = Step[RefundRequest, RefundReport](
    "refund_payment",
    RefundReport,
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=ALARM,
    about=lambda ask: f"{ask.amount}",
)

# Writes what the refunds of a payment mean for its booking: the buyer is owed a notice once the provider has
# taken one, and a booking that is `refunding` becomes `refunded` once they are done. A repeat changes
# nothing.
record_refund = Step[LateMoney, None]("record_refund", type(None))

# Asks the provider where a dispute stands and writes it: the money that it moved is booked, a case is opened
# for it, and closed when it has ended. A repeat changes nothing that is known. Refuses Unknown.
follow_dispute = Step[DisputeRequest, DisputeReport](
    "follow_dispute",
    DisputeReport,
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=ALARM,
    about=lambda ask: ask.provider_ref,
)

# Puts what the provider says it has told since an instant into the inbox, under the names it has there, so
# that what has arrived before is no news.
list_missed = Step[ListMissed, Swept](
    "list_missed", Swept, queue=names.PROVIDERS, start_to_close=SWEEP, schedule_to_close=SWEEP
)

# Asks the provider about open payments that were not looked at for a while, and tells what is news to whoever
# owns them. Each look makes the next one later.
ask_open_payments = Step[SweepRequest, Swept](
    "ask_open_payments", Swept, queue=names.PROVIDERS, start_to_close=SWEEP, schedule_to_close=SWEEP
)

# Begins the runs of bookings and refunds that are open though they should have ended, and of refunds whose
# end their bookings do not know, unless they run.
begin_lost = Step[SweepRequest, Swept](
    "begin_lost", Swept, queue=names.PAYOUTS, start_to_close=SWEEP, schedule_to_close=SWEEP
)

# Sends one notice, once: claimed before sending; an answer that was lost is `unknown`, and the notice is
# never sent again blindly. No heartbeat: a worker that only stood still may yet send what it has claimed.
send_notice = Step[SendNotice, Sent](
    "send_notice", Sent, queue=names.NOTICES, start_to_close=timedelta(seconds=20), heartbeat=None
)

# Keeps a method at the provider, for the customer its user is there, and makes it one to pay with. A repeat
# changes nothing. Refuses PaymentDeclined (the issuer will not have it), ProviderRefused; then its row is
# gone.
store_method = Step[AskMethod, None](
    "store_method",
    type(None),
    queue=names.PROVIDERS,
    start_to_close=PROVIDER_CALL,
    schedule_to_close=timedelta(seconds=60),
)

# Lets nobody pay with a method any more, then gives it up at the provider. Given up already: nothing done.
forget_method = Step[AskMethod, None](
    "forget_method", type(None), queue=names.PROVIDERS, start_to_close=PROVIDER_CALL, schedule_to_close=ALARM
)

# The type of the failure that answers a wish to pay when the provider gave no answer in time: an outage, not
# a refusal.
PROVIDER_AWAY = "ProviderAway"

STEPS: tuple[Step[Any, Any], ...] = tuple(step for step in list(globals().values()) if isinstance(step, Step))


def refused(no: Refusal) -> ApplicationError:
    """Write a refusal the way it crosses Temporal: its class name as the type, its facts as the detail, never
    retried, quiet in the logs.
    """
    return ApplicationError(
        no.detail,
        no.facts,
        type=type(no).__name__,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def passed_on(error: BaseException) -> ApplicationError:
    """Copy the failure at the root of `error`, to answer a caller with it: an update fails with an
    ApplicationError, not with an activity's wrapping.
    """
    cause = root(error)
    if not isinstance(cause, ApplicationError):
        return ApplicationError(str(cause), type=type(cause).__name__, non_retryable=True)
    return ApplicationError(
        cause.message,
        *cause.details,
        type=cause.type,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def refusal_in(error: BaseException) -> Refusal | None:
    """Find the refusal that an error from Temporal carries, if it carries one."""
    cause = root(error)
    if not isinstance(cause, ApplicationError) or cause.type is None:
        return None
    facts = cause.details[0] if cause.details and isinstance(cause.details[0], dict) else {}
    return refusal.named(cause.type, cause.message, facts)


def root(error: BaseException) -> BaseException:
    """Unwrap to the first cause: an ordinary activity's failure comes wrapped, a local one's does not."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
