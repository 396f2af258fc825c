"""The inbox, read: each event is told to whoever owns its payment, or put aside, or tried again later."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from activities.relay.loop import BATCH
from activities.relay.mail import MailNews
from activities.relay.telling import LEASE, SOON, Sagas, Untold, tell_each
from activities.relay.verdict import Verdict
from db import case, relay as due
from db.payment import read as payments
from db.payment.read import Address
from db.refund import read as refunds
from db.refund.read import Refund
from db.relay import Event
from db.session import OUTAGES, Connection, Database
from domain.booking import standing_of
from domain.case import CaseKind
from domain.dispute import DisputeRequest
from domain.ids import DisputeId, TenantId, derived
from domain.payment import FactKind, PaymentFact
from domain.refund import RefundStatus
from domain.refusal import Unknown
from domain.settlement import Consequence, Standing, consequence, moves, news_of
from observability.metrics import RELAY_TOLD
from providers.gateway import Gateways, WebhookEvent
from providers.mail.event import SENDGRID

log = structlog.get_logger(__name__)

# An event whose payment nobody knows, or that we stumble over: so often, ever later, then a person is told.
LADDER = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16, 32))

# Whose payment an event is about, nobody knows yet, or it is made at another account.
UNKNOWN = Verdict("parked", "unknown_reference", again=True)

# What has to be the whole amount that was asked for, or a person looks at it; the run believes the provider.
PAYS = frozenset({FactKind.AUTHORIZED, FactKind.CAPTURED})


@dataclass(frozen=True)
class Inbox:
    """Reads what providers have told us, as the relay role. `live` is whether real money moves here."""

    database: Database
    gateways: Gateways
    sagas: Sagas
    live: bool
    grace: timedelta

    async def tell_facts(self) -> int:
        """Read the inbox: tell what can move money or a booking, put the rest aside; gives how many events
        were due.
        """
        async with self.database.alone() as connection:
            events = await due.lease_events(connection, limit=BATCH, lease=LEASE)
        _, untold = await tell_each(events, self._take)
        if untold:
            async with self.database.across() as connection:
                await due.put_back(connection, SOON, events=[event.id for event in untold])
            raise Untold
        return len(events)

    async def _take(self, event: Event) -> None:
        try:
            verdict = await self._verdict(event)
        except OUTAGES:
            raise
        except Exception as error:
            log.exception("an event cannot be read", event_id=event.event_id, kind=event.kind)
            verdict = Verdict("failed", type(error).__name__, again=True)
        log.info("an event was read", kind=event.kind, status=verdict.status, cause=verdict.cause)
        if verdict.again:
            await self._put_off(event, verdict)
            return
        async with self._for(verdict.tenant_id) if event.tried else self.database.alone() as connection:
            await due.event_told(
                connection,
                event.id,
                status=verdict.status,
                cause=verdict.cause,
                tenant_id=verdict.tenant_id,
                payment_id=verdict.payment_id,
            )
            if event.tried and verdict.status != "parked":
                note = f"{verdict.status} when tried again"
                await case.close(connection, verdict.tenant_id, event.id, closed_by="holdfast", note=note)

    async def _put_off(self, event: Event, verdict: Verdict) -> None:
        """Try again 2, 4, 8, 16 and 32 seconds later; then it is a person's."""
        again_in = LADDER[event.attempts - 1] if event.attempts <= len(LADDER) else None
        async with self.database.across() as connection:
            await due.event_put_off(
                connection,
                event.id,
                status=verdict.status if again_in else "dead",
                cause=verdict.cause,
                again_in=again_in,
            )
            if again_in is None:
                await case.open_case(connection, None, CaseKind.WEBHOOK, event.id, cause=verdict.cause)

    async def _verdict(self, event: Event) -> Verdict:
        """Find out what an event is worth, and tell what is news."""
        if event.provider == SENDGRID:
            return await MailNews(self.database).verdict(event)
        gateway = self.gateways.of(event.provider, event.account)
        if gateway is None:
            return Verdict("parked", "unknown_account", again=True)
        read = next((each for each in gateway.parse(event.body) if each.event_id == event.event_id), None)
        if read is None:
            return Verdict("failed", "unreadable", again=True)
        if read.live is not self.live:
            return Verdict("parked", "wrong_mode")
        if read.disputed:
            return await self._disputed(event, read.disputed, read.dispute)
        verdict = Verdict("ignored", "moves_nothing")
        for fact in read.facts:
            verdict = await self._told(read, fact)
            if verdict.again:
                break
        return verdict

    async def _told(self, read: WebhookEvent, fact: PaymentFact) -> Verdict:
        """Tell one fact to whoever owns the payment; the account has to be the payment's own."""
        tenant_id, fact = await self._labelled(read.tenant_id, fact)
        if tenant_id is None:
            return UNKNOWN
        async with self.database.looking(tenant_id) as connection:
            payment = await due.heard(connection, tenant_id, fact, grace=self.grace)
            if payment is None or (payment.provider, payment.account) != (fact.provider, fact.account):
                return UNKNOWN
            refund = await _refund(connection, tenant_id, fact)
        owner = payment.owner
        address = Address(tenant_id, owner.request.booking_id, fact.payment_id)
        if refund is not None:
            return await self._told_refund(address, refund, fact)
        standing = standing_of(owner.status)
        news = news_of(fact, standing, counted=payment.counted, captured_minor=payment.captured_minor)
        if payment.known or not moves(news, standing):
            return Verdict("ignored", "known" if payment.known else "moves_nothing", address)
        if consequence(news, standing) is Consequence.ASK_A_PERSON:
            await self._needs_person(address, news.value)
            return Verdict("processed", news.value, address)
        await self.sagas.report(fact, owner.request, ended=standing is not Standing.HELD)
        RELAY_TOLD.labels("fact").inc()
        if fact.kind in PAYS and not payment.as_asked:
            await self._needs_person(address, "amount_mismatch")
            return Verdict("parked", "amount_mismatch", address)
        return Verdict("processed", "", address)

    async def _disputed(self, event: Event, charge: str, dispute: str | None) -> Verdict:
        """Have a dispute followed; where its provider cannot be asked, give its payment to a person."""
        async with self.database.across(shown=charge) as connection:
            found = await payments.by_charge(connection, event.provider, event.account, charge)
        if found is None:
            return UNKNOWN
        tenant_id, payment_id = found
        async with self.database.tenant(tenant_id) as connection:
            payment = await payments.find(connection, tenant_id, payment_id)
            owner = await due.owner(connection, tenant_id, payment.booking_id, grace=self.grace)
        address = Address(tenant_id, payment.booking_id, payment_id)
        gateway = self.gateways.of(event.provider, event.account)
        if dispute is None or owner is None or gateway is None or gateway.disputes is None:
            await self._needs_person(address, "disputed")
            return Verdict("processed", "disputed", address)
        request = DisputeRequest(
            tenant_id=tenant_id,
            booking_id=payment.booking_id,
            payment_id=payment_id,
            dispute_id=DisputeId(derived(payment_id, dispute)),
            provider=event.provider,
            account=event.account,
            provider_ref=dispute,
            reference=owner.request.reference,
        )
        await self.sagas.dispute(request)
        RELAY_TOLD.labels("dispute").inc()
        return Verdict("processed", "disputed", address)

    async def _needs_person(self, address: Address, cause: str) -> None:
        kind, subject, booking_id = CaseKind.PAYMENT, address.payment_id, address.booking_id
        async with self.database.tenant(address.tenant_id) as connection:
            await case.open_case(
                connection, address.tenant_id, kind, subject, cause=cause, booking_id=booking_id
            )

    async def _told_refund(self, address: Address, refund: Refund, fact: PaymentFact) -> Verdict:
        """Tell the run of the refund that a fact is about, unless it knows."""
        if (fact.kind, refund.status) == (FactKind.REFUNDED, RefundStatus.COMPLETED):
            return Verdict("ignored", "known", address)
        await self.sagas.refund(refund.request(address.tenant_id), fact)
        RELAY_TOLD.labels("fact").inc()
        return Verdict("processed", "", address)

    async def _labelled(
        self, tenant_id: TenantId | None, fact: PaymentFact
    ) -> tuple[TenantId | None, PaymentFact]:
        """Give whose fact it is and the payment it is about: by the ids it was labelled with, else by the
        provider's reference.
        """
        if tenant_id is not None:
            return tenant_id, fact
        async with self.database.across(shown=fact.provider_ref) as connection:
            found = await payments.by_reference(connection, fact.provider, fact.account, fact.provider_ref)
        if found is None:
            return None, fact
        return found.tenant_id, fact.model_copy(update={"payment_id": found.payment_id})

    def _for(self, tenant_id: TenantId | None) -> AbstractAsyncContextManager[Connection]:
        return self.database.across() if tenant_id is None else self.database.tenant(tenant_id)


async def _refund(connection: Connection, tenant_id: TenantId, fact: PaymentFact) -> Refund | None:
    """Find which of our refunds a fact is about, by the label that it carries."""
    if fact.refund_id is None:
        return None
    try:
        refund = await refunds.find(connection, tenant_id, fact.refund_id)
    except Unknown:
        return None
    return refund if refund.payment_id == fact.payment_id else None
