"""The judge: reads our rows as nobody in the product may, and the sandbox's books, and says what is wrong."""

from typing import Any

from tests.support.sandbox import kept_of
from tests.support.stack import Booked, Stack

# Places held and sold against what holds and tickets say; nothing beyond capacity.
COUNTERS = """
select c.id::text from counters c
 where c.held <> (select coalesce(sum(h.places), 0) from holds h
                   where h.counter_id = c.id and h.status = 'active')
    or c.held + c.sold > c.capacity
    or (exists (select from slots s where s.id = c.id)
        and c.sold <> (select count(*) from tickets t where t.slot_id = c.id and t.status = 'active'))
"""
UNBALANCED = """
select transaction_id::text from ledger_entries
 group by transaction_id, currency having sum(amount_minor) <> 0
"""
HELD_AFTER_THE_END = """
select b.reference from bookings b join holds h on h.booking_id = b.id
 where h.status = 'active' and b.status not in ('initiated', 'held', 'awaiting_payment')
"""
WRONGLY_VALID = """
select b.reference from bookings b
 where (b.status = 'confirmed') <> (select count(*) > 0 from tickets t
                                     where t.booking_id = b.id and t.status = 'active')
"""
GAPS = """
select subject::text from events group by subject having max(n) <> count(*)
"""
# What is owed to buyers is on its way to them, or has come back and not gone again.
OWED = """
select account from ledger_entries where account = 'refund_payable'
 group by account having sum(amount_minor) <> 0
    and not exists (select from refunds where status in ('pending', 'processing', 'failed'))
"""
BOOKINGS = """
select b.id, b.reference, b.status, b.due_minor, b.total_minor,
       (select coalesce(sum(r.amount_minor), 0) from refunds r
          join booking_payments p on p.tenant_id = r.tenant_id and p.payment_id = r.payment_id
         where r.booking_id = b.id and r.status = 'completed')
     + (select coalesce(sum(d.taken_minor), 0) from disputes d where d.booking_id = b.id) as gone
  from bookings b
"""
# Of the provider's fees only those of disputes are in the books yet.
CASH = """
select coalesce(sum(amount_minor), 0)::bigint from ledger_entries
 where account like '%_clearing:%' or account = 'dispute_fee_expense'
"""


async def violations(stack: Stack) -> list[str]:
    """List what must not be once all is at rest: empty when nothing is held, charged or valid by mistake."""
    found = [
        f"{what}: {row}"
        for what, sql in (
            ("counter is wrong", COUNTERS),
            ("books do not balance", UNBALANCED),
            ("holds after its end", HELD_AFTER_THE_END),
            ("tickets and state disagree", WRONGLY_VALID),
            ("feed has a gap", GAPS),
            ("owed to buyers by mistake", OWED),
        )
        for row in [next(iter(row.values())) for row in await stack.rows(sql)]
    ]
    payments, checkouts = await stack.sandbox.payments(), await stack.sandbox.checkouts()
    for booking in await stack.rows(BOOKINGS):
        found += _money(booking, [each for each in payments if _is_of(each, booking)])
        ended = booking["status"] not in ("initiated", "held", "awaiting_payment")
        open_ones = [each for each in (*checkouts, *payments) if _is_of(each, booking) and _is_payable(each)]
        if ended and open_ones:
            found.append(f"{booking['reference']} can still be paid")
    kept = sum(map(kept_of, payments))
    if kept != (cash := await stack.value(CASH)):
        found.append(f"the provider keeps {kept}, our books say {cash}")
    told = [mail["custom_args"]["notice_id"] for mail in await stack.sandbox.mailbox()]
    found += [f"told twice: notice {notice}" for notice in {*told} if told.count(notice) > 1]
    return found


def _money(booking: dict[str, Any], payments: list[dict[str, Any]]) -> list[str]:
    kept = sum(map(kept_of, payments))
    if booking["status"] == "refunding":
        return [f"{booking['reference']} is still refunding"]
    confirmed, back = booking["status"] == "confirmed", booking["gone"]
    least, most = (booking["due_minor"] - back, booking["total_minor"] - back) if confirmed else (0, 0)
    return (
        [] if least <= kept <= most else [f"{booking['reference']} is {booking['status']} and we keep {kept}"]
    )


def _is_payable(thing: dict[str, Any]) -> bool:
    """Say whether a checkout is open, or a payment that has no page of its own waits for its client.

    One that only we can complete is over when we have labelled it so.
    """
    if (thing["reference"] or "").endswith(":closed"):
        return False
    waits = thing["status"] in ("unstarted", "unconfirmed", "needs_action") and thing["checkout"] is None
    return thing["status"] == "open" or waits


def _is_of(thing: dict[str, Any], booking: dict[str, Any]) -> bool:
    """Say whose a payment or checkout is: by its labels, or by the text that has the same ids in it."""
    labelled = (thing["metadata"] or {}).get("booking_id") == str(booking["id"])
    return labelled or booking["id"].hex in (thing["reference"] or "")


async def events_of(stack: Stack, booking: Booked) -> list[str]:
    """List the types of the booking's own events, in order."""
    rows = await stack.rows("select type from events where subject = $1 order by n", booking.id)
    return [row["type"] for row in rows]
