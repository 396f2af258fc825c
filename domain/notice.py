"""A notice: one message that somebody is owed, written down by the transaction that made it due and sent
afterwards.
"""

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
    """What became of a notice: the mail service took it; nobody to send it to; it was no longer true; or the
    answer was lost, so that nobody sends it again blindly.
    """

    ACCEPTED = "accepted"
    NO_ADDRESS = "no_address"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"


class Sent(Value):
    """The answer of `send_notice`."""

    result: SendResult
