"""A guest who has made an account takes over what was booked before with the same address."""

from typing import Annotated

from fastapi import APIRouter

from api import problem
from api.body import StrictRoute
from api.deps import BASE, Caller, Parts, Permission, may
from api.shape import Answer
from db import audit
from db.booking import claim
from domain.refusal import Forbidden, Unauthenticated

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["bookings"])


class ClaimAnswer(Answer):
    """How many bookings were taken over now."""

    claimed: int


@router.post("/claim", responses=problem.answers(Unauthenticated, Forbidden))
async def claim_bookings(parts: Parts, caller: Annotated[Caller, may(Permission.CLAIM)]) -> ClaimAnswer:
    """Take over the bookings that were made without an account under the user's address.

    Only an address that was verified counts: anybody can type another's.
    """
    if caller.email is None or caller.user_id is None:
        raise Forbidden("The address of this account is not verified.")
    async with parts.database.tenant(caller.tenant_id) as connection:
        taken = await claim.claim(connection, caller.tenant_id, user_id=caller.user_id, email=caller.email)
        for booking_id in taken:
            await audit.write(
                connection,
                caller.tenant_id,
                actor=caller.name,
                action="booking.claim",
                subject=booking_id,
                after={"user_id": caller.user_id},
            )
    return ClaimAnswer(claimed=len(taken))
