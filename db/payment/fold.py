"""What a provider said of a payment, and what it adds up to.

Status and sums are the fold of all stored facts (`domain.payment.fold`), so facts may come in any order and
any number of times. A payment's row is locked before anything is added.
"""

from collections.abc import Iterable, Iterator, Sequence

import structlog

from db import case, event, ledger, link, split
from db.event import Told
from db.payment import read
from db.refund import outcome, read as refunds
from db.session import Connection, Record
from domain import event as types, ledger as books, payment as rules
from domain.case import CaseKind
from domain.ids import LinkId, PaymentId, TenantId, derived
from domain.instrument import instrument
from domain.ledger import Posting
from domain.money import Money
from domain.payment import FactKind, PaymentFact, PaymentReport, PaymentState, PaymentStatus
from domain.refusal import Unknown
from domain.settlement import Consequence, News, may_mean
from domain.split import in_proportion

log = structlog.get_logger(__name__)

# Nothing is added before the row of the payment is locked. What all that was added comes to is read by the
# next statement: this one does not see what others have added while it waited.
ADD = """
with locked as (
    select id, booking_id, provider, account, amount_minor, currency, status, declines, to_capture_minor,
           portions
      from payments where tenant_id = $1 and id = $2 for no key update
),
added as (
    insert into payment_operations (tenant_id, payment_id, kind, operation, provider, account, provider_ref,
                                    event_id, amount_minor, currency, decline_code, decline_reason,
                                    occurred_at, source, method, card_brand, card_last4, risk_score,
                                    risk_result, refund_id)
    select distinct on (fact.kind, fact.operation)
           $1, locked.id, fact.kind, fact.operation, fact.provider, fact.account, fact.provider_ref,
           fact.event_id, fact.amount_minor, fact.currency, fact.decline_code, fact.decline_reason,
           fact.occurred_at, fact.source, fact.method, fact.card_brand, fact.card_last4, fact.risk_score,
           fact.risk_result, fact.refund_id
      from locked
      cross join jsonb_to_recordset($3) as fact (
           kind text, operation text, provider text, account text, provider_ref text, event_id text,
           amount_minor bigint, currency text, decline_code text, decline_reason text,
           occurred_at timestamptz, source text, method text, card_brand text, card_last4 text,
           risk_score numeric, risk_result text, refund_id uuid)
     order by fact.kind, fact.operation, fact.amount_minor desc nulls last
    on conflict (tenant_id, payment_id, kind, operation) do update
       set amount_minor = greatest(payment_operations.amount_minor, excluded.amount_minor),
           decline_code = coalesce(payment_operations.decline_code, excluded.decline_code),
           decline_reason = coalesce(payment_operations.decline_reason, excluded.decline_reason),
           method = coalesce(payment_operations.method, excluded.method),
           card_brand = coalesce(payment_operations.card_brand, excluded.card_brand),
           card_last4 = coalesce(payment_operations.card_last4, excluded.card_last4),
           risk_score = coalesce(payment_operations.risk_score, excluded.risk_score),
           risk_result = coalesce(payment_operations.risk_result, excluded.risk_result),
           refund_id = coalesce(payment_operations.refund_id, excluded.refund_id)
)
select * from locked
"""

OPERATIONS = """
select kind, operation, provider, account, provider_ref, event_id, amount_minor, currency, decline_code,
       decline_reason, occurred_at, source, method, card_brand, card_last4, risk_score, risk_result, refund_id
  from payment_operations where tenant_id = $1 and payment_id = $2 order by occurred_at, kind, operation
"""

UPDATE = """
update payments
   set status = $3, authorized_minor = $4, captured_minor = $5, declines = $6, decline_code = $7,
       captured_currency = nullif($14, currency),
       provider_ref = coalesce(provider_ref, $8), changed_at = now(),
       method = coalesce($9, method), card_brand = $10, card_last4 = $11, risk_score = $12, risk_result = $13,
       authorized_at = coalesce(authorized_at, case when greatest($4::bigint, $5::bigint) > 0 then now() end),
       captured_at = coalesce(captured_at, case when $5::bigint > 0 then now() end),
       refunded_minor = (select coalesce(sum(amount_minor), 0) from refunds
                          where tenant_id = $1 and payment_id = $2 and status = 'completed')
 where tenant_id = $1 and id = $2
"""

KNOWN = """
select exists (select from payment_operations
                where tenant_id = $1 and payment_id = $2 and kind = $3 and operation = $4)
"""

EVENTS = {
    PaymentStatus.AUTHORIZED: types.PAYMENT_AUTHORIZED,
    PaymentStatus.CAPTURED: types.PAYMENT_CAPTURED,
    PaymentStatus.FAILED: types.PAYMENT_FAILED,
    PaymentStatus.CANCELLED: types.PAYMENT_CANCELLED,
    PaymentStatus.EXPIRED: types.PAYMENT_CANCELLED,
}


async def record(
    connection: Connection, tenant_id: TenantId, payment_id: PaymentId, facts: Sequence[PaymentFact]
) -> PaymentReport:
    """Add what a provider said: operations, status and sums, books, refunds, events. Gives what is known now.

    Facts that are known change nothing. Refuses Unknown.
    """
    row = await connection.fetchrow(ADD, tenant_id, payment_id, [_stored(fact) for fact in facts])
    if row is None:
        raise Unknown("There is no such payment.")
    known = [_fact(payment_id, fact) for fact in await connection.fetch(OPERATIONS, tenant_id, payment_id)]
    whole, to_capture = asked(row)
    state = rules.fold(whole, known, to_capture=to_capture)
    news = _news(payment_id, row, state)
    for posting in _captures(payment_id, row, known):
        await ledger.post(connection, tenant_id, posting, *news)
        news = []
    await event.append(connection, tenant_id, *news)
    await outcome.record(connection, tenant_id, row["booking_id"], known)
    await _update(connection, tenant_id, payment_id, row, state, known)
    return await read.report(connection, tenant_id, row["booking_id"], payment_id)


async def is_known(connection: Connection, tenant_id: TenantId, fact: PaymentFact) -> bool:
    """Say whether what a fact tells was recorded before, by whichever telling."""
    if is_of_all_refunds(fact) and fact.amount:
        return await refunds.covers(connection, tenant_id, fact.payment_id, fact.amount.minor)
    known: bool = await connection.fetchval(KNOWN, tenant_id, fact.payment_id, fact.kind.value, about(fact))
    return known


def asked(row: Record) -> tuple[Money, Money | None]:
    """Read what was asked for, and what is to be taken of it, if less."""
    whole, taking = Money(minor=row["amount_minor"], currency=row["currency"]), row["to_capture_minor"]
    return whole, None if taking is None else Money(minor=taking, currency=whole.currency)


def is_of_all_refunds(fact: PaymentFact) -> bool:
    """Say whether a fact tells what has gone back in all, and names no refund."""
    return fact.kind is FactKind.REFUNDED and not fact.operation


def about(fact: PaymentFact) -> str:
    """Name what a fact is about, so that two tellings are one row."""
    return fact.operation or (fact.event_id if fact.kind is FactKind.DECLINED else fact.provider_ref)


def _captures(payment_id: PaymentId, row: Record, facts: Iterable[PaymentFact]) -> Iterator[Posting]:
    clearing = books.provider_clearing(row["provider"], row["account"])
    for fact in facts:
        if fact.kind is FactKind.CAPTURED and fact.amount:
            divided = in_proportion(fact.amount, split.read(row["portions"]) or ())
            yield books.payment_captured(payment_id, fact.operation, clearing, fact.amount, divided)


def _news(payment_id: PaymentId, row: Record, state: PaymentState) -> list[Told]:
    """List what is to be told of a payment, now that it is in this state."""
    news, data = list[Told](), {"booking_id": str(row["booking_id"])}
    if len(state.declines) > row["declines"]:
        news.append(Told(payment_id, types.PAYMENT_FAILED, {**data, "decline_code": state.decline_code}))
    if state.status.value == row["status"]:
        return news
    if state.status in EVENTS:
        news.append(Told(payment_id, EVENTS[state.status], data))
    if state.status is PaymentStatus.CAPTURED:
        amount = Money(minor=state.captured_minor, currency=state.asked.currency).model_dump()
        news.append(Told(payment_id, types.PAYMENT_COMPLETED, {**data, "amount": amount}))
    return news


async def _update(
    connection: Connection,
    tenant_id: TenantId,
    payment_id: PaymentId,
    row: Record,
    state: PaymentState,
    facts: Sequence[PaymentFact],
) -> None:
    await connection.execute(
        UPDATE,
        tenant_id,
        payment_id,
        state.status.value,
        sum(state.authorized.values()),
        state.captured_minor,
        len(state.declines),
        state.decline_code,
        next((fact.provider_ref for fact in facts if fact.provider_ref), None),
        *instrument(facts).model_dump().values(),
        state.captured_currency,
    )
    if len(state.declines) > row["declines"]:
        log.info("a payment was declined", payment_id=str(payment_id), decline_code=state.decline_code)
        again = LinkId(derived(payment_id, f"declined:{len(state.declines)}"))
        await link.offer_again(connection, tenant_id, row["booking_id"], again)
    conflicted = state.status is PaymentStatus.CONFLICTED and state.status.value != row["status"]
    if conflicted and may_mean(News.CONFLICTED, Consequence.ASK_A_PERSON):
        kind, booking_id = CaseKind.PAYMENT, row["booking_id"]
        await case.open_case(
            connection, tenant_id, kind, payment_id, cause="conflicted", booking_id=booking_id
        )


def _stored(fact: PaymentFact) -> dict[str, object]:
    """Write a fact as its row."""
    written = fact.model_dump(mode="json", exclude={"payment_id", "amount", "operation"})
    amount = fact.amount
    return {
        **written,
        "operation": about(fact),
        "amount_minor": amount.minor if amount else None,
        "currency": amount.currency if amount else None,
    }


def _fact(payment_id: PaymentId, row: Record) -> PaymentFact:
    columns = dict(row)
    minor, currency = columns.pop("amount_minor"), columns.pop("currency")
    amount = None if minor is None else Money(minor=minor, currency=currency)
    return PaymentFact(payment_id=payment_id, amount=amount, **columns)
