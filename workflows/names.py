"""Every name that Temporal sees: task queues, workflow ids, update ids, search attributes.

No person's data in any of them.
"""

from uuid import UUID

from temporalio.common import SearchAttributeKey

BOOKINGS, PROVIDERS, NOTICES, PAYOUTS = "bookings", "providers", "notices", "payouts"
QUEUES = (BOOKINGS, PROVIDERS, NOTICES, PAYOUTS)

TENANT_ID = SearchAttributeKey.for_keyword("TenantId")
OFFER_ID = SearchAttributeKey.for_keyword("OfferId")
BOOKING_REFERENCE = SearchAttributeKey.for_keyword("BookingReference")
BOOKING_STATUS = SearchAttributeKey.for_keyword("BookingStatus")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
SEARCH_ATTRIBUTES = (TENANT_ID, OFFER_ID, BOOKING_REFERENCE, BOOKING_STATUS, NEEDS_ATTENTION)


def beside(own: str, queue: str) -> str:
    """Name the queue `queue` of the same stack as the queue `own`: stacks that share a server differ by a
    prefix.
    """
    prefix = next((own.removesuffix(known) for known in QUEUES if own.endswith(known)), "")
    return f"{prefix}{queue}"


def booking(booking_id: UUID) -> str:
    """Name the one workflow of a booking."""
    return f"booking:{booking_id}"


def aftercare(payment_id: UUID) -> str:
    """Name the workflow that settles what reaches a payment after its booking's end."""
    return f"aftercare:{payment_id}"


def refund(refund_id: UUID) -> str:
    """Name the workflow that sees one refund through."""
    return f"refund:{refund_id}"


def dispute(dispute_id: UUID) -> str:
    """Name the workflow that follows one dispute."""
    return f"dispute:{dispute_id}"


def sweep(provider: str, account: str) -> str:
    """Name the schedule, and the workflows, that look for what a provider's account has not told us."""
    return f"sweep:{provider}:{account}"


def notice(notice_id: UUID) -> str:
    """Name the workflow that sends one notice."""
    return f"notice:{notice_id}"


def verdict_update(judge: str) -> str:
    """Name the update by which a partner or reviewer answers: each has one word."""
    return f"decide:{judge}"


def method(method_id: UUID, wish: str) -> str:
    """Name the workflow that stores or forgets a payment method."""
    return f"method:{method_id}:{wish}"


def payment_update(payment_id: UUID) -> str:
    """Name the update that wishes for a payment; the same id is the same wish."""
    return f"payment:{payment_id}"
