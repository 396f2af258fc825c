"""A booking: its states, the legal moves, and what its saga is asked and answers.

`MOVES` is the whole table: a (state, trigger) that is not in it is refused, logged and changes nothing. The
same table makes the guards of the SQL statements (`sources`), so that a late or repeated statement finds no
row to change.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.ids import BookingId, OfferId, PaymentId, TenantId
from domain.money import Money
from domain.payment import PaymentFact
from domain.refusal import IllegalMove
from domain.settlement import Standing
from domain.value import Value


class BookingStatus(StrEnum):
    """Where a booking stands (state machine 3.1)."""

    INITIATED = "initiated"
    HELD = "held"
    REJECTED = "rejected"
    AWAITING_PAYMENT = "awaiting_payment"
    PAYMENT_REVIEW = "payment_review"
    PAID = "paid"
    AWAITING_PARTNER = "awaiting_partner"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    EXPIRED = "expired"
    FAILED = "failed"


class Trigger(StrEnum):
    """What moves a booking; past tense, for each is a fact by the time the row is changed."""

    PLACES_HELD = "places_held"
    HOLD_REFUSED = "hold_refused"
    CHECKOUT_OPENED = "checkout_opened"
    NOTHING_TO_PAY = "nothing_to_pay"
    PROVIDERS_REFUSED = "providers_refused"
    DECLINED = "declined"
    ATTEMPTS_USED_UP = "attempts_used_up"
    REVIEW_ASKED = "review_asked"
    REVIEW_RELEASED = "review_released"
    REVIEW_ACCEPTED = "review_accepted"
    REVIEW_DECLINED = "review_declined"
    PAYMENT_VERIFIED = "payment_verified"
    PARTNER_ASKED = "partner_asked"
    TICKETS_ISSUED = "tickets_issued"
    PARTNER_ACCEPTED = "partner_accepted"
    MONEY_GOES_BACK = "money_goes_back"
    HOLD_TIME_OVER = "hold_time_over"
    CANCELLED_UNPAID = "cancelled_unpaid"
    AMENDED = "amended"
    CANCELLED_WITHOUT_REFUND = "cancelled_without_refund"
    CANCELLATION_DONE = "cancellation_done"
    REFUND_DONE = "refund_done"
    SLOT_OVER_SCANNED = "slot_over_scanned"
    SLOT_OVER_UNSCANNED = "slot_over_unscanned"
    LATE_MONEY_HONOURED = "late_money_honoured"


_S, _T = BookingStatus, Trigger

MOVES: dict[tuple[BookingStatus, Trigger], BookingStatus] = {
    (_S.INITIATED, _T.PLACES_HELD): _S.HELD,
    (_S.INITIATED, _T.HOLD_REFUSED): _S.REJECTED,
    (_S.HELD, _T.CHECKOUT_OPENED): _S.AWAITING_PAYMENT,
    (_S.HELD, _T.NOTHING_TO_PAY): _S.CONFIRMED,
    **{(state, _T.PROVIDERS_REFUSED): _S.FAILED for state in (_S.HELD, _S.AWAITING_PAYMENT)},
    **{(state, _T.HOLD_TIME_OVER): _S.EXPIRED for state in (_S.HELD, _S.AWAITING_PAYMENT, _S.PAYMENT_REVIEW)},
    **{
        (state, _T.CANCELLED_UNPAID): _S.CANCELLED
        for state in (_S.HELD, _S.AWAITING_PAYMENT, _S.PAYMENT_REVIEW)
    },
    (_S.AWAITING_PAYMENT, _T.CHECKOUT_OPENED): _S.AWAITING_PAYMENT,
    (_S.AWAITING_PAYMENT, _T.DECLINED): _S.AWAITING_PAYMENT,
    (_S.AWAITING_PAYMENT, _T.ATTEMPTS_USED_UP): _S.FAILED,
    (_S.AWAITING_PAYMENT, _T.REVIEW_ASKED): _S.PAYMENT_REVIEW,
    (_S.PAYMENT_REVIEW, _T.REVIEW_RELEASED): _S.AWAITING_PAYMENT,
    (_S.PAYMENT_REVIEW, _T.REVIEW_ACCEPTED): _S.PAID,
    (_S.PAYMENT_REVIEW, _T.REVIEW_DECLINED): _S.FAILED,
    (_S.AWAITING_PAYMENT, _T.PAYMENT_VERIFIED): _S.PAID,
    **{(state, _T.PARTNER_ASKED): _S.AWAITING_PARTNER for state in (_S.HELD, _S.PAID)},
    (_S.PAID, _T.TICKETS_ISSUED): _S.CONFIRMED,
    (_S.AWAITING_PARTNER, _T.PARTNER_ACCEPTED): _S.CONFIRMED,
    (_S.CONFIRMED, _T.AMENDED): _S.CONFIRMED,
    (_S.CONFIRMED, _T.SLOT_OVER_SCANNED): _S.COMPLETED,
    (_S.CONFIRMED, _T.SLOT_OVER_UNSCANNED): _S.NO_SHOW,
    (_S.CONFIRMED, _T.CANCELLED_WITHOUT_REFUND): _S.CANCELLING,
    (_S.CANCELLING, _T.CANCELLATION_DONE): _S.CANCELLED,
    **{
        (state, _T.MONEY_GOES_BACK): _S.REFUNDING
        for state in (
            _S.PAID,
            _S.AWAITING_PARTNER,
            _S.CONFIRMED,
            _S.COMPLETED,
            _S.NO_SHOW,
            _S.EXPIRED,
            _S.FAILED,
            _S.CANCELLED,
        )
    },
    (_S.REFUNDING, _T.REFUND_DONE): _S.REFUNDED,
    **{(state, _T.LATE_MONEY_HONOURED): _S.PAID for state in (_S.EXPIRED, _S.FAILED)},
}

# No saga runs for a booking in one of these. `cancelled`, `expired` and `failed` may still be left by late
# money.
ENDED = frozenset({_S.REJECTED, _S.EXPIRED, _S.FAILED, _S.CANCELLED, _S.REFUNDED, _S.COMPLETED, _S.NO_SHOW})

# Still on the way: the booking's own workflow owns it.
OPEN = frozenset(
    {_S.INITIATED, _S.HELD, _S.AWAITING_PAYMENT, _S.PAYMENT_REVIEW, _S.PAID, _S.AWAITING_PARTNER}
)

# Of what has become of a booking without a run, its money is told. One whose run is lost is open in its row:
# its money counts as if its places were gone.
_WITHOUT_A_RUN = {
    _S.CONFIRMED: Standing.PURCHASED,
    _S.COMPLETED: Standing.PURCHASED,
    _S.NO_SHOW: Standing.PURCHASED,
    _S.HELD: Standing.LOST,
    _S.AWAITING_PAYMENT: Standing.LOST,
    _S.PAID: Standing.LOST,
    _S.EXPIRED: Standing.LOST,
    _S.FAILED: Standing.LOST,
}


def without_a_run(status: BookingStatus) -> Standing:
    """Say where a booking stands whose run is over or lost; what gives its money back counts as cancelled."""
    return _WITHOUT_A_RUN.get(status, Standing.CANCELLED)


def standing_of(status: BookingStatus) -> Standing:
    """Say where a booking in this state stands, whose run looks after it while it is open."""
    return Standing.HELD if status in OPEN else without_a_run(status)


def move(state: BookingStatus, trigger: Trigger) -> BookingStatus:
    """Give the state after `trigger`. Refuses IllegalMove when the table knows no such move."""
    after = MOVES.get((state, trigger))
    if after is None:
        raise IllegalMove(
            f"A booking that is {state} knows no {trigger}.", status=state.value, trigger=trigger.value
        )
    return after


def sources(trigger: Trigger) -> list[str]:
    """List the states `trigger` may leave, sorted: the guard of the statement that makes the move."""
    return sorted(state.value for state, known in MOVES if known is trigger)


class BookingRequest(Value):
    """What a booking's workflow is started with: ids and durations, no person's data.

    `grace` is how long places stay kept behind the deadline while a checkout is being closed; `attempts` how
    many declines end the booking; `put_off` how often, at most, the deadline is put off while the provider
    says *processing*. A partner who must accept has `partner_within` to do so (none: instant confirmation), a
    reviewer `review_within`. A run whose history has `history_limit` events goes on as a new one, to which
    the facts nobody has used are `carried`.
    """

    tenant_id: TenantId
    booking_id: BookingId
    reference: str
    offer_id: OfferId
    summary: str = ""
    grace: timedelta = timedelta(minutes=2)
    attempts: int = 5
    put_off: int = 1
    partner_within: timedelta | None = None
    review_within: timedelta = timedelta(hours=24)
    history_limit: int = 8_000
    carried: tuple[PaymentFact, ...] = ()


class ConfirmBooking(Value):
    """Ask for the pivot: places sold, tickets issued, books and feed written, notices owed, in one
    transaction.
    """

    tenant_id: TenantId
    booking_id: BookingId


class Confirmed(Value):
    """The booking is confirmed; `tickets` is how many it has."""

    tickets: int


class EndReason(StrEnum):
    """Why a booking ended without being confirmed; decides its final state.

    Whoever waits for a partner has paid: *refused* and *cancelled* then give the money back.
    """

    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    REJECTED = "rejected"
    REFUSED = "refused"


class EndBooking(Value):
    """Ask for the end of a booking that was not confirmed.

    `cause` is a code (a refusal's or a trigger's), never a person's words.
    """

    tenant_id: TenantId
    booking_id: BookingId
    reason: EndReason
    cause: str = ""


class Ended(Value):
    """The state a booking has ended in, which is the one it had when somebody else ended it before."""

    status: BookingStatus


class Judge(StrEnum):
    """Who may have to accept a booking that is paid for: the partner who delivers, or who reviews a risk."""

    PARTNER = "partner"
    REVIEWER = "reviewer"


class AskJudge(Value):
    """Ask somebody to accept a booking, and keep its places until `within` is over and a `grace` more.

    A repeat gives the first answer.
    """

    tenant_id: TenantId
    booking_id: BookingId
    judge: Judge
    within: timedelta
    grace: timedelta


class Verdict(Value):
    """What whoever must accept says; `by` is a role, `cause` a code, never a person's words."""

    judge: Judge
    accepted: bool
    by: str
    cause: str = ""


class CancelBooking(Value):
    """The wish to cancel before confirmation; `by` is a role (buyer, operator), `cause` a code."""

    by: str
    cause: str = ""


class Outcome(Value):
    """How a booking's run ended; `undone` lists the undo steps that ran, in order."""

    status: BookingStatus
    cause: str = ""
    undone: tuple[str, ...] = ()


class Progress(Value):
    """Where a run stands, for a person or a client that comes back: the step in hand or the wait, who has to
    accept now, and what is left.
    """

    step: str
    attempts_left: int
    deadline: datetime | None = None
    open_payment: PaymentId | None = None
    parked: str | None = None
    due: Money | None = None
    judge: Judge | None = None
