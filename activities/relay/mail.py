"""What the mail service told of letters: each word is written to its notice, and what did not arrive is given
to a person.
"""

from dataclasses import dataclass

from activities.relay.verdict import Verdict
from db import case, delivery
from db.delivery import News
from db.relay import Event
from db.session import Connection, Database
from domain.case import CaseKind
from domain.notice import DeliveryFact
from observability.metrics import LETTERS
from providers.mail.event import parse

SETTLED_BY = "holdfast"


@dataclass(frozen=True)
class MailNews:
    """Reads the mail service's events, as the relay role."""

    database: Database

    async def verdict(self, event: Event) -> Verdict:
        """Write down what an event tells; told again it is no news, and nothing happens."""
        told = parse(event.body)
        fact = told[0].fact if told else None
        if fact is None:
            return Verdict("ignored", "moves_nothing")
        news = await self._heard(fact)
        if news is None:
            return Verdict("parked", "unknown_reference", again=True)
        if not news.heavier:
            return Verdict("ignored", "known", owner=fact.tenant_id)
        LETTERS.labels(fact.state.value).inc()
        return Verdict("processed", "", owner=fact.tenant_id)

    async def _heard(self, fact: DeliveryFact) -> News | None:
        """Write it down, and with it what people are told: mostly nothing, so that is tried first."""
        if not fact.state.needs_person:
            async with self.database.looking(fact.tenant_id) as connection:
                if news := await delivery.hear(connection, fact, settling=False):
                    return news
        async with self.database.tenant(fact.tenant_id) as connection:
            news = await delivery.hear(connection, fact)
            if news is not None:
                await _tell_people(connection, fact, news)
            return news


async def _tell_people(connection: Connection, fact: DeliveryFact, news: News) -> None:
    """Close the question whether a letter was sent; open a case for one that did not arrive."""
    tenant_id, notice_id, kind = fact.tenant_id, fact.notice_id, CaseKind.NOTICE
    if news.settled:
        note = f"The mail service has it: {fact.state.value}."
        await case.close(connection, tenant_id, notice_id, closed_by=SETTLED_BY, note=note, kind=kind)
    if news.heavier and fact.state.needs_person:
        cause, booking_id = fact.state.value, news.booking_id
        await case.open_case(connection, tenant_id, kind, notice_id, cause=cause, booking_id=booking_id)
