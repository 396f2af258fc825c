"""Sending what people are owed: written from the rows, claimed, handed over once."""

import asyncio
from uuid import UUID

from temporalio import activity

from db import case, link as links, notice as notices
from db.booking import letter as letters
from db.booking.letter import About
from db.booking.read import Booking
from db.session import Connection, Database
from domain.booking import BookingStatus
from domain.case import CaseKind
from domain.ids import LinkId
from domain.money import Money
from domain.notice import NoticeKind, SendNotice, SendResult, Sent
from domain.ticket import Ticket
from observability.metrics import LETTERS
from providers import letter
from providers.gateway import NotExecuted, OutcomeUnknown, Refused
from providers.letter import Admission, Occasion
from providers.mail.addressee import Addressees
from providers.mail.post import Letter, Post
from providers.token import LinkTokens, TicketTokens, ticket_claims
from workflows import steps

# What somebody has to look at, and why.
NEEDS_PERSON = {
    SendResult.UNKNOWN: "maybe_sent",
    SendResult.SUPPRESSED: "suppressed",
    SendResult.REFUSED: "refused",
}
# Where who was declined may still pay.
UNPAID = (BookingStatus.HELD, BookingStatus.AWAITING_PAYMENT)


class NoticeActivities:
    """Sends notices, as the booking role."""

    def __init__(
        self, app: Database, post: Post, addressees: Addressees, tokens: TicketTokens, links: LinkTokens
    ) -> None:
        self._app, self._post, self._addressees = app, post, addressees
        self._tokens, self._links = tokens, links

    @activity.defn(name=steps.send_notice.name)
    async def send_notice(self, ask: SendNotice) -> Sent:
        """Hand a notice over once. No mail service knows repeats, so whoever finds it claimed by somebody
        leaves it: it may have been sent. Nothing goes to an address that bounced or complained.
        """
        async with self._app.looking(ask.tenant_id) as connection:
            about = await letters.about(connection, ask)
            occasion = await self._occasion(connection, about)
            needless = _needless(about, occasion)
            addressee = None if needless else self._addressees.of(ask.tenant_id, occasion.email)
            result = await notices.claim(connection, ask, addressee) or needless
        message_id = None
        if result is None:
            written = await asyncio.to_thread(letter.write, occasion)
            result, message_id = await self._handed_over(ask, written)
        return await self._settled(ask, about.booking, result, message_id)

    async def _handed_over(self, ask: SendNotice, written: Letter) -> tuple[SendResult, str | None]:
        """Give the letter to the mail service; one that surely was not sent may be claimed again."""
        try:
            message_id = await self._post.send(written, notice_id=ask.notice_id, tenant_id=ask.tenant_id)
        except NotExecuted:
            async with self._app.looking(ask.tenant_id) as connection:
                await notices.give_back(connection, ask)
            raise
        except OutcomeUnknown:
            return SendResult.UNKNOWN, None
        except Refused:
            return SendResult.REFUSED, None
        return SendResult.ACCEPTED, message_id

    async def _settled(
        self, ask: SendNotice, booking: Booking, result: SendResult, message_id: str | None
    ) -> Sent:
        """Write what became of it, and have a person look at what needs one, which an accepted letter never
        does.
        """
        lend = self._app.looking if result is SendResult.ACCEPTED else self._app.tenant
        async with lend(ask.tenant_id) as connection:
            written = await notices.settle(connection, ask, result, message_id)
            if written in NEEDS_PERSON:
                kind, cause = CaseKind.NOTICE, NEEDS_PERSON[written]
                await case.open_case(
                    connection, ask.tenant_id, kind, ask.notice_id, cause=cause, booking_id=booking.id
                )
        if written is not None:
            LETTERS.labels(written.value).inc()
        return Sent(result=written or result)

    async def _occasion(self, connection: Connection, about: About) -> Occasion:
        booking = about.booking
        amount, link_id = about.data.get("amount"), about.data.get("link_id")
        link = await links.find(connection, booking.tenant_id, LinkId(UUID(link_id))) if link_id else None
        email, name = booking.contact.email, booking.contact.name
        if about.kind is NoticeKind.CASE_OPENED:
            email, name = about.operators_email or "", about.organizer
        return Occasion(
            kind=about.kind,
            email=email,
            name=name,
            organizer=about.organizer,
            reference=booking.reference,
            offer=about.offer,
            starts_at=about.begins_at,
            zone=about.zone,
            lines=tuple((line.name, line.quantity) for line in booking.lines),
            total=booking.total,
            refunded=Money.model_validate(amount) if amount else None,
            tickets=tuple(self._admission(booking, ticket) for ticket in about.tickets),
            pay_at=self._links.address(booking.tenant_id, link.id) if link else "",
            pay_until=link.expires_at if link else None,
            cause=f"{about.data['kind']}: {about.data['cause']}" if "cause" in about.data else "",
        )

    def _admission(self, booking: Booking, ticket: Ticket) -> Admission:
        variants = {line.variant_id: line.name for line in booking.lines}
        issued_at = booking.confirmed_at or booking.created_at
        return Admission(
            number=ticket.number,
            variant=variants[ticket.variant_id],
            token=self._tokens.sign(ticket_claims(ticket, issued_at=issued_at)),
        )


def _needless(about: About, occasion: Occasion) -> SendResult | None:
    """Say why there is nothing to send, if so."""
    if about.kind is NoticeKind.PAYMENT_DECLINED and about.booking.status not in UNPAID:
        return SendResult.OUTDATED
    return None if occasion.email else SendResult.NO_ADDRESS
