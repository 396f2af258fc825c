"""Test cards: the only card numbers the sandbox knows, and what happens when one pays.

Numbers and effects are Stripe's published ones; another face adds its own numbers to the same effects.
"""

from dataclasses import dataclass, replace
from typing import Literal

RefundManner = Literal["at_once", "pending_first", "fails_later"]
# Why the bank of a card's holder wants a charge back; an inquiry only asks, and moves no money.
DisputeManner = Literal["fraudulent", "product_not_received", "inquiry"]


@dataclass(frozen=True)
class Decline:
    """Why a card says no: the provider's code, the issuer's reason and a sentence for the buyer."""

    code: str
    reason: str | None
    message: str


@dataclass(frozen=True)
class Card:
    """A test card and how it behaves; of some their holder's name orders how (`HOLDERS`)."""

    number: str
    name: str
    brand: str = "visa"
    decline: Decline | None = None
    challenge: bool = False
    refunds: RefundManner = "at_once"
    dispute: DisputeManner | None = None
    obeys_holder: bool = False

    @property
    def last4(self) -> str:
        """Return the four digits that may be shown."""
        return self.number[-4:]

    def held_by(self, name: str | None) -> "Card":
        """Return the card as it behaves in the hands of somebody of this name."""
        ordered = HOLDERS.get(name or "") if self.obeys_holder else None
        return self if ordered is None else replace(self, decline=ordered)


def _declined(reason: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", reason, message)


GENERIC = _declined("generic_decline")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. Provide a new one and try again.",
)

CARDS = (
    Card("4242424242424242", "visa"),
    Card("4000056655665556", "visa_debit"),
    Card("5555555555554444", "mastercard", "mastercard"),
    Card("378282246310005", "amex", "amex"),
    Card("4000000000000002", "visa_chargeDeclined", decline=GENERIC),
    Card(
        "4000000000009995",
        "visa_chargeDeclinedInsufficientFunds",
        decline=_declined("insufficient_funds", "Your card has insufficient funds."),
    ),
    Card("4000000000009987", "visa_chargeDeclinedLostCard", decline=_declined("lost_card")),
    Card("4000000000009979", "visa_chargeDeclinedStolenCard", decline=_declined("stolen_card")),
    Card(
        "4000000000006975",
        "visa_chargeDeclinedVelocityLimitExceeded",
        decline=_declined(
            "card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently."
        ),
    ),
    Card(
        "4000000000000069",
        "chargeDeclinedExpiredCard",
        decline=Decline("expired_card", "expired_card", "Your card has expired."),
    ),
    Card(
        "4000000000000127",
        "chargeDeclinedIncorrectCvc",
        decline=Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
    ),
    Card(
        "4000000000000119",
        "chargeDeclinedProcessingError",
        decline=Decline(
            "processing_error",
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    Card(
        "4242424242424241",
        "incorrectNumber",
        decline=Decline("incorrect_number", "incorrect_number", "Your card number is incorrect."),
    ),
    Card("4000000000000341", "chargeCustomerFail", decline=GENERIC),
    Card("4100000000000019", "radarBlock", decline=_declined("fraudulent")),
    Card("4000000000004954", "riskLevelHighest", decline=_declined("fraudulent")),
    Card("4000000000009235", "riskLevelElevated"),
    Card("4000002500003155", "authenticationRequiredOnSetup", challenge=True),
    Card("4000002760003184", "authenticationRequired", challenge=True),
    Card("4000000000003220", "threeDSecure2Required", challenge=True),
    Card("4000008400001629", "threeDSecureRequiredChargeDeclined", challenge=True, decline=GENERIC),
    Card("4000000000003055", "threeDSecureOptional"),
    Card("4000000000007726", "pendingRefund", refunds="pending_first"),
    Card("4000000000005126", "refundFail", refunds="fails_later"),
    Card("4000000000000259", "createDispute", dispute="fraudulent"),
    Card("4000000000002685", "createDisputeProductNotReceived", dispute="product_not_received"),
    Card("4000000000001976", "createDisputeInquiry", dispute="inquiry"),
)

# Adyen's, with the names and codes by which a holder of one orders a refusal.
ADYEN_CARDS = (
    Card("4111111145551142", "adyen_visa", obeys_holder=True),
    Card("5555444433331111", "adyen_mastercard", "mastercard", obeys_holder=True),
    Card("370000000000002", "adyen_amex", "amex", obeys_holder=True),
    Card("4917610000000000", "adyen_threeDSecure2", challenge=True, obeys_holder=True),
)
_ORDERED = {
    ("UNKNOWN", "0"): Decline("processing_error", "processing_error", "The payment could not be made."),
    ("DECLINED", "2"): GENERIC,
    ("REFERRAL", "3"): _declined("call_issuer"),
    ("ERROR", "4"): Decline("processing_error", "processing_error", "The payment could not be made."),
    ("BLOCK_CARD", "5"): _declined("restricted_card"),
    ("CARD_EXPIRED", "6"): Decline("expired_card", "expired_card", "Your card has expired."),
    ("INVALID_AMOUNT", "7"): _declined("invalid_amount"),
    ("NOT_ENOUGH_BALANCE", "12"): _declined("insufficient_funds", "Your card has insufficient funds."),
}
HOLDERS = {each: decline for names, decline in _ORDERED.items() for each in names}

# A provider's own numbers, shown before those that all know.
OWN: dict[str, tuple[Card, ...]] = {"adyen": ADYEN_CARDS}

BY_NUMBER = {card.number: card for card in (*CARDS, *ADYEN_CARDS)}
BY_NAME = {card.name: card for card in (*CARDS, *ADYEN_CARDS)} | {
    "visa_chargeDeclinedExpiredCard": BY_NUMBER["4000000000000069"],
    "visa_chargeDeclinedIncorrectCvc": BY_NUMBER["4000000000000127"],
    "visa_chargeDeclinedProcessingError": BY_NUMBER["4000000000000119"],
}


def find(text: str) -> Card | None:
    """Return the test card of this number (spaces allowed), token (`pm_card_visa`) or name, if any."""
    plain = text.replace(" ", "").replace("-", "").removeprefix("pm_card_")
    return BY_NUMBER.get(plain) or BY_NAME.get(plain)
