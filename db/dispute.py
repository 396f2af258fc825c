"""Disputes as their provider tells them, and what they mean to the books."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from db import case, event, ledger
from db.event import Told
from db.refund import owe
from db.session import Connection, Record
from domain import event as types, ledger as books
from domain.case import CaseKind
from domain.dispute import DisputeFact, DisputeReport, DisputeRequest, DisputeState, Evidence
from domain.ids import BookingId, DisputeId, PaymentId, TenantId
from domain.money import Money
from domain.refusal import Unknown
from domain.value import Value

LOCK_PAYMENT = (
    "select id from payments where tenant_id = $1 and id = $2 and booking_id = $3 for no key update"
)

OPEN = """
insert into disputes (tenant_id, id, booking_id, payment_id, provider, account, provider_ref, state,
                      amount_minor, currency, reason)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
on conflict do nothing
"""

CHANGE = """
update disputes
   set state = $3, amount_minor = $4, reason = $5, evidence_due = $6, taken_minor = $7, fee_minor = $8,
       losses = losses + $9, changed_at = now(), closed_at = case when $10 then coalesce(closed_at, now()) end
 where tenant_id = $1 and id = $2
"""

DISPUTE = "select * from disputes where tenant_id = $1 and id = $2"

# Newest first; $4 is the last of the page before, by when it was opened and its id.
PAGE = """
select * from disputes
 where tenant_id = $1 and ($2::uuid is null or $2 in (payment_id, booking_id))
   and ($3::boolean is null or (closed_at is null) = $3)
   and ($4::uuid is null
        or (opened_at, id) < (select last.opened_at, last.id from disputes last
                               where last.tenant_id = $1 and last.id = $4))
 order by opened_at desc, id desc limit $5
"""


# What was told first stays, unless the provider has refused it.
TELL_EVIDENCE = """
insert into dispute_evidence (tenant_id, dispute_id, text, product, service_on, told_by)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, dispute_id) do update
   set text = $3, product = $4, service_on = $5, told_by = $6, told_at = now(), refused_at = null
 where dispute_evidence.refused_at is not null
"""

EVIDENCE = """
select text, product, service_on, told_by, told_at, submitted_at, refused_at
  from dispute_evidence where tenant_id = $1 and dispute_id = $2
"""

# Without the words, which only who hands them in reads.
EVIDENCE_STANDS = """
select told_by, told_at, submitted_at, refused_at from dispute_evidence
 where tenant_id = $1 and dispute_id = $2
"""

END_EVIDENCE = """
update dispute_evidence
   set submitted_at = case when $3 then now() end, refused_at = case when not $3 then now() end
 where tenant_id = $1 and dispute_id = $2 and submitted_at is null and refused_at is null
"""


class EvidenceStands(Value):
    """What has become of the evidence that an operator told: on its way, taken by the provider, or not."""

    told_by: str
    told_at: datetime
    submitted_at: datetime | None
    refused_at: datetime | None


class Dispute(Value):
    """A dispute as it stands; `taken` is what it has taken of us and not given back, `losses` how often it
    was decided against us.
    """

    id: DisputeId
    booking_id: BookingId
    payment_id: PaymentId
    provider: str
    account: str
    provider_ref: str
    state: DisputeState
    amount: Money
    taken: Money
    fee: Money
    reason: str
    evidence_due: datetime | None
    losses: int
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None

    @property
    def report(self) -> DisputeReport:
        """Say what its run needs to know of it."""
        return DisputeReport(state=self.state, amount=self.amount, taken=self.taken)

    def request(self, tenant_id: TenantId, reference: str) -> DisputeRequest:
        """Write what its run is started with; `reference` is the booking's, for people."""
        return DisputeRequest(
            tenant_id=tenant_id,
            booking_id=self.booking_id,
            payment_id=self.payment_id,
            dispute_id=self.id,
            provider=self.provider,
            account=self.account,
            provider_ref=self.provider_ref,
            reference=reference,
        )


async def record(connection: Connection, ask: DisputeRequest, fact: DisputeFact) -> DisputeReport:
    """Write where a dispute stands, book what it moved, and open a case for one that is news, close that of
    one that has ended; as the payment role. A repeat changes nothing that is known. Refuses Unknown, when
    there is no such payment.
    """
    if await connection.fetchval(LOCK_PAYMENT, ask.tenant_id, ask.payment_id, ask.booking_id) is None:
        raise Unknown("There is no such payment.")
    await owe.alone(connection, ask.booking_id)
    is_new = await _opened(connection, ask, fact)
    before = await find(connection, ask.tenant_id, ask.dispute_id)
    await _book(connection, ask, fact, before)
    await _change(connection, ask, fact, before)
    if is_new or (before.state.ended and not fact.state.ended):
        await _open_case(connection, ask)
    if fact.state.ended:
        await _close_case(connection, ask, fact.state)
    if is_new or before.state is not fact.state:
        await _tell(connection, ask, fact, is_new=is_new)
    return (await find(connection, ask.tenant_id, ask.dispute_id)).report


async def find(connection: Connection, tenant_id: TenantId, dispute_id: DisputeId) -> Dispute:
    """Find a dispute. Refuses Unknown."""
    row = await connection.fetchrow(DISPUTE, tenant_id, dispute_id)
    if row is None:
        raise Unknown("There is no such dispute.")
    return _dispute(row)


async def tell_evidence(
    connection: Connection, tenant_id: TenantId, dispute_id: DisputeId, evidence: Evidence, *, by: str
) -> bool:
    """Keep what speaks for us, as the payment role, until it is handed in; says no where something else was
    told before and not refused.
    """
    await connection.execute(
        TELL_EVIDENCE, tenant_id, dispute_id, evidence.text, evidence.product, evidence.service_on, by
    )
    row = await connection.fetchrow(EVIDENCE, tenant_id, dispute_id)
    return row is not None and _evidence(row) == evidence


async def evidence_to_submit(
    connection: Connection, tenant_id: TenantId, dispute_id: DisputeId
) -> Evidence | None:
    """Give what is to be handed in, as the payment role; nothing once that was done, or refused."""
    row = await connection.fetchrow(EVIDENCE, tenant_id, dispute_id)
    return None if row is None or row["submitted_at"] or row["refused_at"] else _evidence(row)


async def evidence_ended(connection: Connection, ask: DisputeRequest, *, taken: bool) -> None:
    """Write that the provider has taken the evidence, or takes none; the first word stays."""
    await connection.execute(END_EVIDENCE, ask.tenant_id, ask.dispute_id, taken)


async def evidence_stands(
    connection: Connection, tenant_id: TenantId, dispute_id: DisputeId
) -> EvidenceStands | None:
    """Tell what has become of the evidence that was told, if any was."""
    row = await connection.fetchrow(EVIDENCE_STANDS, tenant_id, dispute_id)
    return EvidenceStands(**row) if row else None


async def page(
    connection: Connection,
    tenant_id: TenantId,
    *,
    about: UUID | None = None,
    is_open: bool | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Dispute]:
    """List disputes, newest first, `about` a payment or booking, behind the dispute `after`."""
    rows = await connection.fetch(PAGE, tenant_id, about, is_open, after, limit)
    return [_dispute(row) for row in rows]


async def _opened(connection: Connection, ask: DisputeRequest, fact: DisputeFact) -> bool:
    opened = await connection.execute(
        OPEN,
        ask.tenant_id,
        ask.dispute_id,
        ask.booking_id,
        ask.payment_id,
        ask.provider,
        ask.account,
        ask.provider_ref,
        fact.state.value,
        fact.amount.minor,
        fact.amount.currency,
        fact.reason,
    )
    return opened == "INSERT 0 1"


async def _open_case(connection: Connection, ask: DisputeRequest) -> None:
    kind, booking_id = CaseKind.DISPUTE, ask.booking_id
    await case.open_case(
        connection, ask.tenant_id, kind, ask.dispute_id, cause="disputed", booking_id=booking_id
    )


async def _close_case(connection: Connection, ask: DisputeRequest, state: DisputeState) -> None:
    kind, note = CaseKind.DISPUTE, f"the dispute is {state.value}"
    await case.close(connection, ask.tenant_id, ask.dispute_id, closed_by="holdfast", note=note, kind=kind)


async def _book(connection: Connection, ask: DisputeRequest, fact: DisputeFact, before: Dispute) -> None:
    """Post each movement once, and the decision when it changes."""
    clearing = books.provider_clearing(ask.provider, ask.account)
    for moved in fact.funds:
        await ledger.post(connection, ask.tenant_id, books.dispute_moved(ask.dispute_id, moved, clearing))
    if _lost(fact, before):
        earned = await owe.earnings(connection, ask.tenant_id, ask.booking_id, ask.payment_id)
        lost = books.dispute_lost(ask.dispute_id, before.losses + 1, _taken(fact), earned)
        await ledger.post(connection, ask.tenant_id, lost)
    elif before.losses and before.state is DisputeState.LOST and fact.state is not DisputeState.LOST:
        lost_source, regained = (
            books.dispute_source(ask.dispute_id, before.losses, what) for what in ("lost", "regained")
        )
        await ledger.reverse(connection, ask.tenant_id, lost_source, under=regained)


def _lost(fact: DisputeFact, before: Dispute) -> bool:
    """Say whether it is now that it is lost: a row that was just opened as lost has no loss yet."""
    decided = before.state is DisputeState.LOST and before.losses > 0
    return fact.state is DisputeState.LOST and not decided and bool(_taken(fact))


async def _change(connection: Connection, ask: DisputeRequest, fact: DisputeFact, before: Dispute) -> None:
    await connection.execute(
        CHANGE,
        ask.tenant_id,
        ask.dispute_id,
        fact.state.value,
        fact.amount.minor,
        fact.reason,
        fact.evidence_due,
        _taken(fact).minor,
        sum(moved.fee.minor for moved in fact.funds),
        int(_lost(fact, before)),
        fact.state.ended,
    )


async def _tell(connection: Connection, ask: DisputeRequest, fact: DisputeFact, *, is_new: bool) -> None:
    """Tell in the feed what became of a dispute."""
    opened = types.DISPUTE_OPENED if is_new else types.DISPUTE_CHANGED
    data = {
        "payment_id": str(ask.payment_id),
        "booking_id": str(ask.booking_id),
        "state": fact.state.value,
        "amount": fact.amount.model_dump(),
    }
    what = types.DISPUTE_CLOSED if fact.state.ended and not is_new else opened
    await event.append(connection, ask.tenant_id, Told(ask.dispute_id, what, data))


def _taken(fact: DisputeFact) -> Money:
    """Add up what was taken and not given back, never less than nothing."""
    taken = -sum(moved.amount.minor for moved in fact.funds)
    return Money(minor=max(0, taken), currency=fact.amount.currency)


def _evidence(row: Record) -> Evidence:
    return Evidence(text=row["text"], product=row["product"], service_on=row["service_on"])


def _dispute(row: Record) -> Dispute:
    columns = dict(row)
    currency = columns.pop("currency")
    sums = {
        name: Money(minor=columns.pop(f"{name}_minor"), currency=currency)
        for name in ("amount", "taken", "fee")
    }
    return Dispute(**columns, **sums)
