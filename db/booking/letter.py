"""What the letters about a booking tell, read at once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from db.booking.read import Booking, booking_of
from db.session import Connection
from domain.notice import NoticeKind, SendNotice
from domain.refusal import Unknown
from domain.ticket import Ticket

ABOUT = """
select n.kind, n.data, o.name as offer, s.starts_at as begins_at, o.zone, t.name as organizer,
       t.operators_email, b.*,
       (select jsonb_agg(to_jsonb(l) order by l.position) from booking_lines l
         where l.tenant_id = b.tenant_id and l.booking_id = b.id) as lines,
       (select jsonb_agg(to_jsonb(k) order by k.position) from tickets k
         where k.tenant_id = b.tenant_id and k.booking_id = b.id) as tickets
  from notices n
  join bookings b on b.tenant_id = n.tenant_id and b.id = n.booking_id
  join slots s on s.tenant_id = b.tenant_id and s.id = b.slot_id
  join offers o on o.tenant_id = s.tenant_id and o.id = s.offer_id
  join tenants t on t.id = n.tenant_id
 where n.tenant_id = $1 and n.id = $2
"""


class About(NamedTuple):
    """What a notice is about: its booking with the tickets it has, the offer's name, when the slot begins in
    the venue's `zone`, who organizes it, and where the organizer's own people are mailed, if they are.
    """

    kind: NoticeKind
    data: Mapping[str, Any]
    booking: Booking
    tickets: list[Ticket]
    offer: str
    begins_at: datetime
    zone: str
    organizer: str
    operators_email: str | None


async def about(connection: Connection, request: SendNotice) -> About:
    """Read what a notice is about. Refuses Unknown."""
    row = await connection.fetchrow(ABOUT, request.tenant_id, request.notice_id)
    if row is None:
        raise Unknown("There is no such notice.")
    return About(
        kind=NoticeKind(row["kind"]),
        data=row["data"],
        booking=booking_of(row),
        tickets=[Ticket.model_validate(ticket) for ticket in row["tickets"] or ()],
        offer=row["offer"],
        begins_at=row["begins_at"],
        zone=row["zone"],
        organizer=row["organizer"],
        operators_email=row["operators_email"],
    )
