"""What requests about bookings look like, and their answers."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from api.consent import ConsentWishes
from api.decline import DeclineAnswer
from api.passenger import PassengerWishes
from api.paying import PaymentWish
from api.payment import PaymentAnswer
from api.pricing import LineAnswer, Lines
from api.shape import Answer, Email, Instant, Locale, MoneyShape, Name, Phone, Shape, example
from api.ticket import TicketAnswer
from db.booking.read import Booking
from domain.booking import OPEN, BookingStatus
from domain.dispute import DisputeState
from domain.ids import BookingId
from domain.money import Money
from domain.payment import PaymentStatus
from domain.refusal import InvalidRequest
from domain.ticket import Delivery


class Contact(Shape):
    """Whom the tickets go to."""

    name: Name
    email: Email
    phone: Phone | None = None


def phone_place(booking_id: BookingId) -> str:
    """Name the place that a contact's phone is sealed for."""
    return f"bookings/contact_phone/{booking_id}"


def refuse_unreachable(delivery: Delivery, *, has_phone: bool) -> None:
    """Refuse InvalidRequest where tickets cannot reach a buyer whose phone is not known."""
    if delivery is Delivery.SMS and not has_phone:
        error: JsonValue = {
            "pointer": "/contact/phone",
            "code": "missing",
            "detail": "A message needs a number.",
        }
        raise InvalidRequest("The tickets cannot be delivered so.", errors=[error])


class BookingWish(Shape):
    """What to book: lines of an offer's slot, or a quote.

    Who travels and what is agreed to may come now or later; with a payment, or where nothing is due, now.
    `expected_total` is only compared: when it is not our price, nothing is booked.
    """

    model_config = example(
        offer_id="0198c0de-0000-7000-8000-000000000001",
        slot_id="0198c0de-0000-7000-8000-000000000002",
        lines=[{"variant_id": "0198c0de-0000-7000-8000-000000000003", "quantity": 2}],
        contact={"name": "Ada Lovelace", "email": "ada@example.com"},
        payment={"return_url": "https://shop.example/thanks"},
    )

    offer_id: UUID | None = None
    slot_id: UUID | None = None
    lines: Lines | None = None
    quote_id: UUID | None = None
    contact: Contact
    passengers: PassengerWishes = ()
    consents: ConsentWishes = ()
    delivery: Delivery = Delivery.EMAIL
    locale: Locale = "en"
    expected_total: MoneyShape | None = None
    payment: PaymentWish | None = None


class ConfirmWish(Shape):
    """Which payment the buyer's client believes to be paid: our id of it, or the provider's reference."""

    model_config = example(payment_id="0198c0de-0000-7000-8000-000000000004")

    payment_id: UUID | None = None
    provider_ref: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,255}$")] | None = None


class CancelWish(Shape):
    """Why, in the buyer's or operator's words; it is kept in the audit."""

    model_config = example(reason="We cannot come.")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class AcceptedBooking(Answer):
    """A booking as it was accepted: its places are held until `expires_at` (none: nothing is due); it awaits
    the payment that was opened with it, if one was.

    `access_token` opens this booking and no other; a guest has nothing else.
    """

    id: UUID
    reference: str
    status: Literal[BookingStatus.HELD, BookingStatus.AWAITING_PAYMENT] = BookingStatus.HELD
    total: Money
    due: Money
    lines: tuple[LineAnswer, ...]
    created_at: Instant
    expires_at: Instant | None
    access_token: str
    payment: PaymentAnswer | None = None


class ContactAnswer(Answer):
    """Whom the tickets go to."""

    name: str
    email: str
    phone: str | None


class PaidAnswer(Answer):
    """What a confirmed booking was paid with; of a card what may be kept. `transaction_id`: theirs."""

    payment_id: UUID
    status: PaymentStatus
    provider: str
    method: str | None
    transaction_id: str | None
    amount: Money
    paid_at: Instant | None
    card_brand: str | None
    card_last4: str | None


Source = Literal["web", "mobile", "api"]


class BookingSummary(Answer):
    """A booking in a list."""

    id: UUID
    reference: str
    status: BookingStatus
    source: Source
    offer_id: UUID
    slot_id: UUID
    starts_at: Instant
    total: Money
    created_at: Instant


class BookingPage(Answer):
    """Bookings, newest first; `next` is the cursor of the page after this one."""

    items: tuple[BookingSummary, ...]
    next: str | None


class BookingAnswer(BookingSummary):
    """How a booking stands, for a client that comes back: what to do next and how long there is for it.

    `step` is that in a word: pay, wait, done or ended. `payment` is the attempt that can be paid now,
    `decline` why the last try did not go through, `paid_by` what a confirmed booking was paid with, `dispute`
    how far the payer's bank has come that wants the money back.
    """

    step: Literal["pay", "wait", "done", "ended"]
    cause: str | None
    due: Money
    lines: tuple[LineAnswer, ...]
    contact: ContactAnswer
    delivery: Delivery
    expires_at: Instant | None
    confirmed_at: Instant | None
    ended_at: Instant | None
    seconds_left: int | None
    attempts_left: int
    decline: DeclineAnswer | None = None
    payment: PaymentAnswer | None
    dispute: DisputeState | None = None
    paid_by: tuple[PaidAnswer, ...]
    tickets: tuple[TicketAnswer, ...]


_TO_PAY = (BookingStatus.HELD, BookingStatus.AWAITING_PAYMENT)
_DONE = (BookingStatus.CONFIRMED, BookingStatus.COMPLETED)


def step(booking: Booking) -> Literal["pay", "wait", "done", "ended"]:
    """Say what a booking asks of its buyer; a free one only has to be waited for."""
    if booking.status in _TO_PAY and booking.due:
        return "pay"
    if booking.status in OPEN:
        return "wait"
    return "done" if booking.status in _DONE else "ended"


def summary(booking: Booking) -> BookingSummary:
    """Show a booking as it stands in a list."""
    return BookingSummary.model_validate(booking.model_dump(include=set(BookingSummary.model_fields)))
