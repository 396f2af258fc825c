"""What refunds mean to the books and the feed."""

from db import event, ledger
from db.event import Told
from db.refund.read import Refund
from db.session import Connection
from domain import ledger as books
from domain.ids import BookingId, PaymentId, RefundId, TenantId

# Whose decision the books know of, of all refunds and disputes of a booking.
OF_BOOKING = "select id from refunds where tenant_id = $1 and booking_id = $2"
DISPUTES_OF_BOOKING = "select id, losses from disputes where tenant_id = $1 and booking_id = $2"

OWED_AGAIN = "select id from refunds where tenant_id = $1 and payment_id = $2 and status = 'failed'"

EARNS = "select exists (select from booking_payments where tenant_id = $1 and payment_id = $2)"

ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended($1::text, 0))"


async def decide(connection: Connection, tenant_id: TenantId, refund: Refund) -> None:
    """Owe the refund in the books, one of a booking's at a time: what failed refunds of the payment left owed
    is released first, and who has earned the money gives it.
    """
    await alone(connection, refund.booking_id)
    for failed in await connection.fetch(OWED_AGAIN, tenant_id, refund.payment_id):
        await _released(connection, tenant_id, RefundId(failed["id"]))
    earned = await earnings(connection, tenant_id, refund.booking_id, refund.payment_id)
    await ledger.post(connection, tenant_id, books.refund_decided(refund.id, refund.amount, earned))


async def release(connection: Connection, tenant_id: TenantId, refund: Refund) -> None:
    """Owe a refund no more, that has failed because its money went back otherwise."""
    await alone(connection, refund.booking_id)
    await _released(connection, tenant_id, refund.id)


async def alone(connection: Connection, booking_id: BookingId) -> None:
    """Let nobody else decide about a booking's money until this transaction ends."""
    await connection.execute(ONE_AT_A_TIME, str(booking_id))


async def _released(connection: Connection, tenant_id: TenantId, refund_id: RefundId) -> None:
    decided, released = (books.refund_source(refund_id, what) for what in ("decided", "released"))
    await ledger.reverse(connection, tenant_id, decided, under=released)


async def earnings(
    connection: Connection, tenant_id: TenantId, booking_id: BookingId, payment_id: PaymentId
) -> dict[str, int]:
    """Tell who has what is left of a booking's money: minor units by account; nobody, when the payment has
    not paid for it. Whoever posts by it holds the booking's lock (`alone`).
    """
    if not await connection.fetchval(EARNS, tenant_id, payment_id):
        return {}
    refunds = await connection.fetch(OF_BOOKING, tenant_id, booking_id)
    disputes = await connection.fetch(DISPUTES_OF_BOOKING, tenant_id, booking_id)
    sources = [
        books.booking_source(booking_id),
        *(books.refund_source(row["id"], what) for row in refunds for what in ("decided", "released")),
        *(
            books.dispute_source(row["id"], n, what)
            for row in disputes
            for n in range(1, row["losses"] + 1)
            for what in ("lost", "regained")
        ),
    ]
    left = await ledger.earnings(connection, tenant_id, sources)
    return {account: minor for account, minor in left.items() if account not in books.NOBODYS}


async def tell(connection: Connection, tenant_id: TenantId, refund: Refund, what: str) -> None:
    """Tell in the feed what became of a refund (`what`: the type of the event)."""
    data = {"payment_id": str(refund.payment_id), "amount": refund.amount.model_dump()}
    await event.append(connection, tenant_id, Told(refund.id, what, data))
