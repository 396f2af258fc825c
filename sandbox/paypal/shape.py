"""What may be asked, as shapes. A field that is not here is refused: the real thing would pass it over."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.paypal.error import PayPalError
from sandbox.record import Json

Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]
Short = Annotated[str, Field(min_length=1, max_length=127)]
Name = Annotated[str, Field(max_length=255)]


class Shape(BaseModel):
    """Anything sent as a body."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Shape):
    """A call without parameters; its body may be missing or empty."""


class Amount(Shape):
    """How much of what."""

    currency_code: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    value: Annotated[str, Field(pattern=r"^-?([0-9]+|[0-9]*\.[0-9]+)$", max_length=32)]


class Breakdown(Shape):
    """What an amount is made of."""

    item_total: Amount | None = None
    shipping: Amount | None = None
    handling: Amount | None = None
    tax_total: Amount | None = None
    insurance: Amount | None = None
    shipping_discount: Amount | None = None
    discount: Amount | None = None


class Total(Amount):
    """What a purchase costs."""

    breakdown: Breakdown | None = None


class Item(Shape):
    """One line of a purchase."""

    name: Short
    quantity: Annotated[str, Field(pattern=r"^[1-9]\d{0,9}$")]
    unit_amount: Amount
    tax: Amount | None = None
    description: Annotated[str, Field(max_length=2048)] | None = None
    sku: Short | None = None
    url: Url | None = None
    category: Literal["DIGITAL_GOODS", "PHYSICAL_GOODS", "DONATION"] | None = None


class Texts(Shape):
    """What is said of a purchase, to the buyer or to oneself."""

    reference_id: Annotated[str, Field(min_length=1, max_length=256)] = "default"
    custom_id: Name | None = None
    invoice_id: Short | None = None
    description: Short | None = None
    soft_descriptor: Annotated[str, Field(min_length=1, max_length=22)] | None = None


class Unit(Texts):
    """What is bought from one payee."""

    amount: Total
    items: list[Item] | None = None


Immediate = Literal["UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"]


class PaymentMethod(Shape):
    """Whether a means that takes days will do."""

    payee_preferred: Immediate | None = None


class Leading(Shape):
    """How the buyer is led, and where to."""

    brand_name: Short | None = None
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$")] | None = None
    landing_page: Literal["LOGIN", "BILLING", "GUEST_CHECKOUT", "NO_PREFERENCE"] | None = None
    shipping_preference: Literal["GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"] | None = None
    user_action: Literal["CONTINUE", "PAY_NOW"] | None = None
    return_url: Url | None = None
    cancel_url: Url | None = None


class Context(Leading):
    """How the buyer of an order with a payment source is led."""

    payment_method_preference: Immediate | None = None

    @property
    def immediate(self) -> bool:
        """Return whether the money has to come at once."""
        return self.payment_method_preference == "IMMEDIATE_PAYMENT_REQUIRED"


class ApplicationContext(Leading):
    """How the buyer of any other order is led."""

    payment_method: PaymentMethod | None = None

    @property
    def immediate(self) -> bool:
        """Return whether the money has to come at once."""
        method = self.payment_method
        return method is not None and method.payee_preferred == "IMMEDIATE_PAYMENT_REQUIRED"


class Wallet(Shape):
    """To be paid with PayPal."""

    experience_context: Context | None = None
    email_address: Name | None = None


class Source(Shape):
    """With what it is to be paid."""

    paypal: Wallet


class OrderWish(Shape):
    """Create an order."""

    intent: Literal["CAPTURE", "AUTHORIZE"]
    purchase_units: Annotated[list[Unit], Field(min_length=1, max_length=10)]
    application_context: ApplicationContext | None = None
    payment_source: Source | None = None


class Patch(Shape):
    """Change one thing of an order (RFC 6902)."""

    op: Literal["add", "replace", "remove"]
    path: str
    value: Any = None


class CaptureWish(Shape):
    """Capture an authorization; without an amount, all of it."""

    amount: Amount | None = None
    final_capture: bool = False
    invoice_id: Short | None = None
    note_to_payer: Name | None = None
    soft_descriptor: Annotated[str, Field(min_length=1, max_length=22)] | None = None


class ReauthorizeWish(Shape):
    """Authorize again; without an amount, as much as before."""

    amount: Amount | None = None


class RefundWish(Shape):
    """Refund a capture; without an amount, what is left of it."""

    amount: Amount | None = None
    custom_id: Short | None = None
    invoice_id: Short | None = None
    note_to_payer: Name | None = None


class EventType(Shape):
    """A type of event, `*` for all."""

    name: Annotated[str, Field(pattern=r"^(\*|[A-Z][A-Z._-]{3,99})$")]


class HookWish(Shape):
    """Register a webhook."""

    url: Url
    event_types: Annotated[list[EventType], Field(min_length=1, max_length=500)]


class Proof(Shape):
    """Ask whether a delivery is PayPal's own."""

    auth_algo: Annotated[str, Field(min_length=1, max_length=100)]
    cert_url: Annotated[str, Field(min_length=1, max_length=500)]
    transmission_id: Annotated[str, Field(min_length=1, max_length=50)]
    transmission_sig: Annotated[str, Field(min_length=1, max_length=500)]
    transmission_time: Annotated[str, Field(min_length=1, max_length=100)]
    webhook_id: Annotated[str, Field(min_length=1, max_length=50)]
    webhook_event: dict[str, Any]


class PayoutAmount(Shape):
    """How much of what, in the words of payouts."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    value: Annotated[str, Field(pattern=r"^([0-9]+|[0-9]*\.[0-9]+)$", max_length=32)]


class PayoutWish(Shape):
    """Pay one receiver."""

    recipient_type: Literal["EMAIL", "PHONE", "PAYPAL_ID", "USER_HANDLE"] | None = None
    amount: PayoutAmount
    receiver: Short
    note: Annotated[str, Field(max_length=4000)] | None = None
    sender_item_id: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    recipient_wallet: Literal["PAYPAL", "VENMO"] | None = None


class BatchHeader(Shape):
    """What all payments of a batch have in common."""

    sender_batch_id: Annotated[str, Field(min_length=1, max_length=256)]
    recipient_type: Literal["EMAIL", "PHONE", "PAYPAL_ID", "USER_HANDLE"] | None = None
    email_subject: Name | None = None
    email_message: Annotated[str, Field(max_length=1000)] | None = None


class BatchWish(Shape):
    """Pay many receivers at once."""

    sender_batch_header: BatchHeader
    items: Annotated[list[PayoutWish], Field(min_length=1, max_length=15_000)]


class Evidence(Shape):
    """One thing that speaks for the merchant."""

    evidence_type: Literal["PROOF_OF_FULFILLMENT", "PROOF_OF_REFUND", "OTHER"]
    notes: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


class EvidenceWish(Shape):
    """Hand evidence in."""

    evidences: Annotated[list[Evidence], Field(min_length=1, max_length=100)]


class ClaimWish(Shape):
    """Let the buyer have the money."""

    note: Annotated[str, Field(min_length=1, max_length=2000)]


class EscalationWish(Shape):
    """Make a claim of an inquiry."""

    note: Annotated[str, Field(min_length=1, max_length=2000)]


class Adjudication(Shape):
    """Settle a dispute, as only PayPal's own sandbox lets one."""

    adjudication_outcome: Literal["BUYER_FAVOR", "SELLER_FAVOR"]


# Pydantic's kinds of trouble, and PayPal's issue for each; everything else is a matter of syntax.
_ISSUES = {
    "missing": ("MISSING_REQUIRED_PARAMETER", "A required field is missing."),
    "extra_forbidden": ("PARAMETER_UNKNOWN", "The sandbox knows no such field."),
    "literal_error": ("INVALID_PARAMETER_VALUE", "The value of a field is invalid."),
    "string_too_long": ("INVALID_STRING_MAX_LENGTH", "The value of a field is too long."),
    "string_too_short": ("INVALID_STRING_MIN_LENGTH", "The value of a field is too short."),
    "too_long": ("INVALID_ARRAY_MAX_ITEMS", "The number of items in an array parameter is too large."),
    "too_short": ("INVALID_ARRAY_MIN_ITEMS", "The number of items in an array parameter is too small."),
}
_SYNTAX = ("INVALID_PARAMETER_SYNTAX", "The value of a field does not conform to the expected format.")


def refusal(error: ValidationError) -> PayPalError:
    """Return PayPal's refusal of a body, a detail for each thing that is wrong in it."""
    return PayPalError("INVALID_REQUEST", *map(_detail, error.errors(include_url=False)[:20]))


def _detail(wrong: Any) -> Json:
    issue, description = _ISSUES.get(wrong["type"], _SYNTAX)
    field = "".join(f"/{step}" for step in wrong["loc"])
    return {"field": field, "location": "body", "issue": issue, "description": description}
