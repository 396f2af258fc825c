"""Which booking a request is about, and whether it is the caller's."""

import re
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Path

from api.deps import Caller, Permission
from db.booking.read import Booking, find, find_by_reference
from db.session import Connection
from domain.ids import BookingId
from domain.refusal import Unknown

Named = Annotated[str, Path(description="The booking's id, or its reference for people", max_length=100)]

_REFERENCE = re.compile(r"[A-Za-z0-9-]{3,40}")


async def theirs(connection: Connection, caller: Caller, permission: Permission, named: str) -> Booking:
    """Find the booking by id or reference, if the caller's permission reaches it.

    Refuses Unknown for what is not there and for what is somebody else's alike.
    """
    booking = await _named(connection, caller, named)
    if not caller.reaches(permission, booking.id, booking.user_id):
        raise Unknown
    structlog.contextvars.bind_contextvars(booking_id=str(booking.id))
    return booking


async def _named(connection: Connection, caller: Caller, named: str) -> Booking:
    try:
        booking_id = BookingId(UUID(named))
    except ValueError:
        if not _REFERENCE.fullmatch(named):
            raise Unknown from None
        return await find_by_reference(connection, caller.tenant_id, named.upper())
    return await find(connection, caller.tenant_id, booking_id)
