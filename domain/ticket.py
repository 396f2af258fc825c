"""A ticket: one admission right, and the claims its signed token makes. No person's data is in either."""

from datetime import datetime
from enum import StrEnum

from domain.ids import BookingId, OfferId, SlotId, TenantId, TicketId, VariantId
from domain.value import Value


class TicketStatus(StrEnum):
    """Where a ticket stands (state machine 3.4)."""

    ACTIVE = "active"
    USED_PARTIALLY = "used_partially"
    USED = "used"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    TRANSFERRED = "transferred"
    BLOCKED = "blocked"
    LISTED = "listed"


class Delivery(StrEnum):
    """How the buyer wants the tickets to arrive."""

    EMAIL = "email"
    SMS = "sms"
    APP = "app"
    WALLET = "wallet"


class Ticket(Value):
    """One admission right of a confirmed booking; `number` is for people, `version` grows with each re-issue
    of its token.
    """

    id: TicketId
    tenant_id: TenantId
    booking_id: BookingId
    offer_id: OfferId
    slot_id: SlotId
    variant_id: VariantId
    number: str
    version: int = 1
    status: TicketStatus = TicketStatus.ACTIVE
    valid_from: datetime
    valid_until: datetime


class TicketClaims(Value):
    """What a ticket's token says: `sub` ticket, `evt` slot, `typ` variant, `ver` the token's version; `iat`
    and `exp` are Unix seconds.
    """

    sub: TicketId
    evt: SlotId
    typ: VariantId
    ver: int
    iat: int
    exp: int
