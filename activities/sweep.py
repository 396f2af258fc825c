"""The sweep, done: what a provider has told and nobody has heard, what is open and nobody has asked about,
and runs that are lost.

What is found enters as a webhook would: by the inbox under the provider's own name for it, or as a fact told
to whoever owns the payment, who asks the provider before anything is believed.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from temporalio import activity

from activities.checkout import gateway_of
from activities.relay.telling import Sagas, tell_each
from db import relay as due, sweep as open_things, webhook as inbox
from db.payment import fold, read as payments
from db.session import Database
from db.sweep import OpenPayment
from db.webhook import Delivery
from domain.booking import OPEN, BookingRequest
from domain.payment import PaymentFact
from domain.settlement import Standing, moves, news_of
from domain.sweep import ListMissed, SweepRequest, Swept
from observability import log as logs
from providers.gateway import Gateway, Gateways, GatewayTrouble, Refused
from workflows import steps

log = structlog.get_logger(__name__)

# A sweep takes on no more than this of each, and reads a provider's list so much at a time; the rest is due
# at the next.
BATCH = 100
AT_ONCE = 8


@dataclass(frozen=True)
class SweepActivities:
    """Looks as the relay role, and writes the inbox as the booking role. `live` is whether real money moves
    here, `grace` goes into the requests of runs that are begun.
    """

    app: Database
    relay: Database
    gateways: Gateways
    sagas: Sagas
    live: bool
    grace: timedelta

    @activity.defn(name=steps.list_missed.name)
    async def list_missed(self, ask: ListMissed) -> Swept:
        """Put what the provider has told since into the inbox, which knows what has arrived before.

        Of a list that is longer, and of one that breaks off, the rest is left to the next sweep, not to a
        retry; where the provider does not know the page any more, that one begins again.
        """
        gateway, new = gateway_of(self.gateways, ask.provider, ask.account), 0
        for most in _pages(ask.most):
            try:
                page = await gateway.missed(ask.since, onward=ask.onward, most=most)
            except GatewayTrouble as trouble:
                log.warning(
                    "a provider does not list what it told", provider=ask.provider, why=trouble.reason
                )
                goes_on = ask.onward and not isinstance(trouble, Refused)
                return Swept(missed=new, left=ask if goes_on else None)
            new += await self._store(gateway, page.deliveries)
            if not page.onward:
                return Swept(until=ask.until, missed=new)
            ask = ask.model_copy(update={"onward": page.onward})
        return Swept(missed=new, left=ask)

    async def _store(self, gateway: Gateway, told: Sequence[bytes]) -> int:
        """Put deliveries into the inbox; gives how many are news."""
        deliveries = [delivery for raw in told for delivery in self._deliveries(gateway, raw)]
        async with self.app.across() as connection:
            new = await inbox.store(connection, deliveries)
            if new:
                await due.wake(connection)
        return new

    @activity.defn(name=steps.ask_open_payments.name)
    async def ask_open_payments(self, ask: SweepRequest) -> Swept:
        """Ask the provider about open payments that are due, and tell what is news; not while it is away, for
        each look makes the next one later.
        """
        gateway = gateway_of(self.gateways, ask.provider, ask.account)
        try:
            gateway.refuse_if_away()
        except GatewayTrouble:
            return Swept()
        async with self.relay.across() as connection:
            found = await open_things.payments(
                connection, ask.provider, ask.account, every=ask.every, limit=BATCH
            )
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(payment: OpenPayment) -> None:
            async with at_once:
                with logs.bind(tenant_id=payment.tenant_id, booking_id=payment.booking_id):
                    await self._ask_about(gateway, payment)

        await asyncio.gather(*map(one, found))
        return Swept(asked=len(found))

    @activity.defn(name=steps.begin_lost.name)
    async def begin_lost(self, ask: SweepRequest) -> Swept:
        """Begin the runs of what is open though it should have ended; one that is there stays."""
        async with self.relay.across() as connection:
            overdue = await open_things.bookings(connection, every=ask.every, limit=BATCH)
            refunds = await open_things.refunds(connection, every=ask.every, limit=BATCH)
        requests = [request for each in overdue if (request := await self._request(each))]
        begun, _ = await tell_each(requests, self.sagas.begin)
        followed, _ = await tell_each(refunds, self.sagas.refund)
        return Swept(begun=len(begun) + len(followed))

    def _deliveries(self, gateway: Gateway, raw: bytes) -> list[Delivery]:
        return [
            Delivery(gateway.provider, gateway.account, event.event_id, event.kind, event.occurred_at, raw)
            for event in gateway.parse(raw)
            if (event.facts or event.disputed) and event.live is self.live
        ]

    async def _ask_about(self, gateway: Gateway, open_one: OpenPayment) -> None:
        """Ask about one payment; what the provider does not answer is asked again at the next look."""
        async with self.relay.tenant(open_one.tenant_id) as connection:
            payment = await payments.find(connection, open_one.tenant_id, open_one.payment_id)
        try:
            facts = await gateway.fetch(payment.id, payment.provider_ref or "")
        except GatewayTrouble as trouble:
            log.warning("an open payment got no answer", payment_id=str(payment.id), why=trouble.reason)
            return
        await self._tell_news(open_one, [fact for fact in facts if settles(fact)])

    async def _tell_news(self, open_one: OpenPayment, facts: Sequence[PaymentFact]) -> None:
        async with self.relay.tenant(open_one.tenant_id) as connection:
            owner = await due.owner(connection, open_one.tenant_id, open_one.booking_id, grace=self.grace)
            news = [fact for fact in facts if not await fold.is_known(connection, open_one.tenant_id, fact)]
        if owner is not None and news:
            await self.sagas.report(news[0], owner.request, ended=owner.status not in OPEN)

    async def _request(self, overdue: open_things.OverdueBooking) -> BookingRequest | None:
        async with self.relay.tenant(overdue.tenant_id) as connection:
            owner = await due.owner(connection, overdue.tenant_id, overdue.booking_id, grace=self.grace)
        return owner.request if owner and owner.status in OPEN else None


def settles(fact: PaymentFact) -> bool:
    """Say whether a payment may not be open any more, which has to be written down wherever its booking
    stands.
    """
    news = news_of(fact, Standing.HELD, counted=False, captured_minor=0)
    return moves(news, Standing.HELD)


def _pages(most: int) -> Iterator[int]:
    """Share what a sweep may read among pages."""
    return (min(BATCH, most - read) for read in range(0, most, BATCH))
