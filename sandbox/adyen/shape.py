"""The shapes of Adyen's requests: what a body may say, what it must, and of what type.

Fields of Checkout v72 and Management v3 that a ticket shop would send; any other is refused by name, for the
sandbox does nothing silently. Source: Adyen's API explorer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.adyen.error import malformed, missing
from sandbox.adyen.money import is_amount
from sandbox.record import Json

Check = Callable[[object], bool]

MAX_METADATA, MAX_REFERENCE = 20, 80


@dataclass(frozen=True)
class Shape:
    """One request: its name at Adyen, a check per field, and which fields it must have."""

    name: str
    fields: Mapping[str, Check]
    required: tuple[str, ...] = ()


def judge(body: object, shape: Shape) -> Json:
    """Return the body, or raise for the first thing that is wrong with it."""
    if not isinstance(body, dict):
        raise malformed("Unable to parse the request: a JSON object is expected.")
    unknown = [field for field in body if field not in shape.fields]
    if unknown:
        raise malformed(
            f"Structure of {shape.name} contains the following unknown fields: [{', '.join(unknown)[:200]}]"
        )
    for field in shape.required:
        if body.get(field) in (None, ""):
            raise missing(field)
    for field, value in body.items():
        if value is not None and not shape.fields[field](value):
            raise malformed(f"Field '{field}' is not valid.")
    return {field: value for field, value in body.items() if value is not None}


def text(longest: int, *, shortest: int = 0) -> Check:
    """Check for text of bounded length."""

    def check(value: object) -> bool:
        return isinstance(value, str) and shortest <= len(value) <= longest

    return check


def one_of(*words: str) -> Check:
    """Check for one of some words."""
    return lambda value: isinstance(value, str) and value in words


def whole(value: object) -> bool:
    """Check for a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def flag(value: object) -> bool:
    """Check for true or false."""
    return isinstance(value, bool)


def texts(value: object) -> bool:
    """Check for a list of texts."""
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def objects(value: object) -> bool:
    """Check for a list of objects."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def anything(value: object) -> bool:
    """Check for an object of whatever shape."""
    return isinstance(value, dict)


def metadata(value: object) -> bool:
    """Check for at most 20 pairs, of 20 and 80 characters."""
    return (
        isinstance(value, dict)
        and len(value) <= MAX_METADATA
        and all(isinstance(each, str) and len(each) <= 80 for each in value.values())
        and all(len(name) <= 20 for name in value)
    )


REFERENCE, MERCHANT, URL = text(MAX_REFERENCE, shortest=1), text(80, shortest=1), text(8000, shortest=1)
SHOPPER, MODEL = text(256, shortest=3), one_of("CardOnFile", "Subscription", "UnscheduledCardOnFile")

_ORDER: dict[str, Check] = {
    "amount": is_amount,
    "merchantAccount": MERCHANT,
    "reference": REFERENCE,
    "returnUrl": URL,
    "additionalData": anything,
    "allowedPaymentMethods": texts,
    "authenticationData": anything,
    "billingAddress": anything,
    "blockedPaymentMethods": texts,
    "captureDelayHours": whole,
    "channel": one_of("iOS", "Android", "Web"),
    "countryCode": text(2, shortest=2),
    "lineItems": objects,
    "merchantOrderReference": text(1000),
    "metadata": metadata,
    "origin": text(80),
    "recurringProcessingModel": MODEL,
    "shopperEmail": text(320),
    "shopperInteraction": one_of("Ecommerce", "ContAuth", "Moto", "POS"),
    "shopperIP": text(45),
    "shopperLocale": text(20),
    "shopperName": anything,
    "shopperReference": SHOPPER,
    "shopperStatement": text(10_000),
    "splits": objects,
    "telephoneNumber": text(80),
}

SESSION = Shape(
    "CreateCheckoutSessionRequest",
    _ORDER
    | {
        "expiresAt": text(40),
        "mode": one_of("embedded", "hosted"),
        "themeId": text(200),
        "showRemovePaymentMethodButton": flag,
        "storePaymentMethod": flag,
        "storePaymentMethodMode": one_of("askForConsent", "disabled", "enabled"),
    },
    ("merchantAccount", "amount", "reference", "returnUrl"),
)
LINK = Shape(
    "PaymentLinkRequest",
    _ORDER | {"description": text(280), "expiresAt": text(40), "reusable": flag, "themeId": text(200)},
    ("merchantAccount", "amount", "reference"),
)
LINK_CHANGE = Shape("UpdatePaymentLinkRequest", {"status": one_of("expired")}, ("status",))
PAYMENT = Shape(
    "PaymentRequest",
    _ORDER
    | {"paymentMethod": anything, "browserInfo": anything, "riskData": anything, "storePaymentMethod": flag},
    ("merchantAccount", "amount", "paymentMethod", "reference", "returnUrl"),
)
DETAILS = Shape("PaymentDetailsRequest", {"details": anything, "paymentData": text(200_000)}, ("details",))
METHODS = Shape(
    "PaymentMethodsRequest",
    {
        name: _ORDER[name]
        for name in (
            "merchantAccount", "amount", "countryCode", "shopperLocale", "channel", "allowedPaymentMethods",
            "blockedPaymentMethods", "shopperReference",
        )
    },
    ("merchantAccount",),
)  # fmt: skip
STORED = Shape(
    "StoredPaymentMethodRequest",
    {
        "merchantAccount": MERCHANT,
        "paymentMethod": anything,
        "recurringProcessingModel": MODEL,
        "shopperReference": SHOPPER,
        "shopperEmail": text(320),
        "shopperIP": text(45),
    },
    ("merchantAccount", "paymentMethod", "recurringProcessingModel", "shopperReference"),
)
CAPTURE = Shape(
    "PaymentCaptureRequest",
    {
        "amount": is_amount,
        "merchantAccount": MERCHANT,
        "reference": REFERENCE,
        "lineItems": objects,
        "splits": objects,
    },
    ("merchantAccount", "amount"),
)
REFUND = Shape(
    "PaymentRefundRequest",
    {
        **CAPTURE.fields,
        "merchantRefundReason": one_of("FRAUD", "CUSTOMER REQUEST", "RETURN", "DUPLICATE", "OTHER"),
    },
    ("merchantAccount", "amount"),
)
AMOUNT_UPDATE = Shape(
    "PaymentAmountUpdateRequest",
    {**CAPTURE.fields, "industryUsage": one_of("delayedCharge", "installment", "noShow")},
    ("merchantAccount", "amount"),
)
CANCEL = Shape(
    "PaymentCancelRequest", {"merchantAccount": MERCHANT, "reference": REFERENCE}, ("merchantAccount",)
)
TECHNICAL_CANCEL = Shape(
    "StandalonePaymentCancelRequest",
    {**CANCEL.fields, "paymentReference": REFERENCE},
    ("merchantAccount", "paymentReference"),
)
_DISPUTE: dict[str, Check] = {"disputePspReference": text(80, shortest=1), "merchantAccountCode": MERCHANT}
DISPUTE = Shape("DisputeRequest", _DISPUTE, tuple(_DISPUTE))
DEFENSE = Shape(
    "DefendDisputeRequest",
    _DISPUTE | {"defenseReasonCode": text(80, shortest=1)},
    (*_DISPUTE, "defenseReasonCode"),
)
DOCUMENTS = Shape(
    "SupplyDefenseDocumentRequest", _DISPUTE | {"defenseDocuments": objects}, (*_DISPUTE, "defenseDocuments")
)
WEBHOOK = Shape(
    "CreateMerchantWebhookRequest",
    {
        "type": one_of("standard"),
        "url": URL,
        "active": flag,
        "communicationFormat": one_of("json"),
        "username": text(255),
        "password": text(255),
        "description": text(1000),
        "sslVersion": text(20),
        "acceptsExpiredCertificate": flag,
        "acceptsSelfSignedCertificate": flag,
        "acceptsUntrustedRootCertificate": flag,
    },
    ("type", "url", "active", "communicationFormat"),
)
BALANCE_ACCOUNT = Shape(
    "BalanceAccountInfo",
    {
        "accountHolderId": text(80, shortest=1),
        "defaultCurrencyCode": text(3, shortest=3),
        "description": text(300),
        "metadata": metadata,
        "reference": text(150),
        "timeZone": text(40),
    },
    ("accountHolderId",),
)
TRANSFER = Shape(
    "TransferInfo",
    {
        "amount": is_amount,
        "balanceAccountId": text(80, shortest=1),
        "category": one_of("bank", "card", "internal", "issuedCard", "platformPayment"),
        "counterparty": anything,
        "description": text(140),
        "priority": one_of("crossBorder", "directDebit", "fast", "instant", "internal", "regular", "wire"),
        "reference": text(80, shortest=1),
        "referenceForBeneficiary": text(80),
    },
    ("amount", "category", "counterparty"),
)
NOTHING = Shape("Request", {})
