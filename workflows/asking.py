"""What the saga of a booking asks of its steps, written down from its request."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.aftercare import HandOver
from domain.booking import AskJudge, BookingRequest, ConfirmBooking, EndBooking, EndReason, Judge
from domain.ids import PaymentId
from domain.inventory import HoldPlaces, KeepPlaces
from domain.money import Money
from domain.payment import (
    AskPayment,
    CapturePayment,
    CreatePayment,
    FactKind,
    FactSource,
    PaymentFact,
    PaymentReport,
    StartPayment,
)


@dataclass
class Asking:
    """Writes requests; `asks` counts the questions about payments, so that each is a new one."""

    request: BookingRequest
    asks: int = 0

    def places(self) -> HoldPlaces:
        """Ask for the booking's places, or to give them back."""
        return HoldPlaces(tenant_id=self.request.tenant_id, booking_id=self.request.booking_id)

    def keeping(self, wish: StartPayment, *, again: int = 0) -> KeepPlaces:
        """Ask to keep the places while a payment is made; `again` and later, while it is decided."""
        return KeepPlaces(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=wish.payment_id,
            grace=self.request.grace,
            again=again,
            settles_within=wish.settles_within if again else None,
            due=wish.due,
        )

    def payment(self, wish: StartPayment, expires_at: datetime | None) -> CreatePayment:
        """Ask for a checkout that nobody may pay after `expires_at`."""
        return CreatePayment(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            reference=self.request.reference,
            wish=wish,
            summary=self.request.summary,
            expires_at=expires_at,
        )

    def about(self, payment_id: PaymentId) -> AskPayment:
        """Ask about a payment, or to close it."""
        self.asks += 1
        return AskPayment(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=payment_id,
            n=self.asks,
        )

    def capture(self, report: PaymentReport, amount: Money | None = None) -> CapturePayment:
        """Ask for the money that a payment was authorised for, or for a part of it."""
        return CapturePayment(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            payment_id=report.payment_id,
            amount=amount or Money(minor=report.asked_minor, currency=report.currency),
        )

    def judge(self, judge: Judge) -> AskJudge:
        """Ask a partner or reviewer to accept."""
        waits = {Judge.PARTNER: self.request.partner_within, Judge.REVIEWER: self.request.review_within}
        return AskJudge(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            judge=judge,
            within=waits[judge] or timedelta(0),
            grace=self.request.grace,
        )

    def confirmation(self) -> ConfirmBooking:
        """Ask for the pivot."""
        return ConfirmBooking(tenant_id=self.request.tenant_id, booking_id=self.request.booking_id)

    def ending(self, reason: EndReason, cause: str) -> EndBooking:
        """Ask for the end of a booking that was not confirmed."""
        return EndBooking(
            tenant_id=self.request.tenant_id, booking_id=self.request.booking_id, reason=reason, cause=cause
        )

    def kept_for_nothing(self, payment_id: PaymentId, now: datetime) -> PaymentFact:
        """Say, as a fact for its aftercare, that a payment keeps money which pays for nothing."""
        return PaymentFact(
            event_id=f"surplus:{payment_id}",
            provider="",
            account="",
            payment_id=payment_id,
            kind=FactKind.CAPTURED,
            provider_ref="",
            occurred_at=now,
            source=FactSource.REPORT,
        )

    def handing_over(self, fact: PaymentFact) -> HandOver:
        """Ask that a fact be told to its payment's aftercare."""
        return HandOver(
            tenant_id=self.request.tenant_id,
            booking_id=self.request.booking_id,
            reference=self.request.reference,
            fact=fact,
        )
