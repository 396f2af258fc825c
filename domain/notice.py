"""A notice: one message that somebody is owed, written down by the transaction that made it due and sent
afterwards.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from domain.ids import NoticeId, TenantId
from domain.value import Value


class NoticeKind(StrEnum):
    """What a notice tells. (booking, kind, version) is its key: nobody is told a thing twice."""

    BOOKING_CONFIRMED = "booking_confirmed"
    BOOKING_EXPIRED = "booking_expired"
    BOOKING_CANCELLED = "booking_cancelled"
    BOOKING_FAILED = "booking_failed"
    PAYMENT_REFUNDED = "payment_refunded"
    PAYMENT_LINK = "payment_link"
    PAYMENT_DECLINED = "payment_declined"
    REFUND_FAILED = "refund_failed"
    CASE_OPENED = "case_opened"


class SendNotice(Value):
    """Ask to send one notice, and what its workflow is started with."""

    tenant_id: TenantId
    notice_id: NoticeId


class SendResult(StrEnum):
    """What became of a notice: a mail service took it; nobody to send it to; it was no longer true; its
    address is one that mail does not reach or that wants none; no service will have such a letter; or the
    answer was lost, so that nobody sends it again blindly.
    """

    ACCEPTED = "accepted"
    NO_ADDRESS = "no_address"
    OUTDATED = "outdated"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Sent(Value):
    """The answer of `send_notice`."""

    result: SendResult


class DeliveryState(StrEnum):
    """What a mail service told of a letter that it had taken, the lightest word first: put off and tried
    again; arrived; turned away this time; never tried; not to be delivered there; complained about.
    """

    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    BOUNCED = "bounced"
    SPAM = "spam"

    @property
    def lighter(self) -> Sequence["DeliveryState"]:
        """The words that this one outweighs: in whatever order they come, the heaviest stays."""
        states = list(DeliveryState)
        return states[: states.index(self)]

    @property
    def needs_person(self) -> bool:
        """Say whether somebody did not get what they were owed."""
        return self not in (DeliveryState.DEFERRED, DeliveryState.DELIVERED)

    @property
    def suppresses(self) -> bool:
        """Say whether no further letter goes to that address."""
        return self in (DeliveryState.DROPPED, DeliveryState.BOUNCED, DeliveryState.SPAM)


class DeliveryFact(Value):
    """One thing that a mail service told of a notice's letter; `occurred_at` is its clock's, UTC."""

    tenant_id: TenantId
    notice_id: NoticeId
    state: DeliveryState
    occurred_at: datetime
