"""Adyen's notifications as facts of no provider.

The operation of an authorisation is the payment's pspReference, that of a refund and of each capture of a
hold its own: so what is told twice, or in two ways, counts once. `success` is text; of CAPTURE_FAILED,
REFUND_FAILED and REFUNDED_REVERSED it says that the failure has happened. Source: Adyen, "Webhook structure
and types".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from domain.money import Money
from domain.payment import FactKind, FactSource, PaymentFact, RiskResult
from providers.adyen_gateway import decline
from providers.adyen_gateway.amount import from_adyen
from providers.adyen_gateway.reference import Reference

Json = dict[str, Any]

PROVIDER = "adyen"
# Adyen's score for fraud counts to 100 and beyond, ours to this.
RISKIEST = Decimal("9.99")
_RISKS = {"GREEN": RiskResult.PASSED, "AMBER": RiskResult.REVIEW, "RED": RiskResult.BLOCKED}
# What Adyen calls the brands of cards; anything else is a method of its own.
_BRANDS = {
    **{name: name for name in ("visa", "amex", "maestro", "diners", "discover", "jcb")},
    "mc": "mastercard",
    "cup": "unionpay",
    "cartebancaire": "cartes_bancaires",
}
_LATER = "modification.action"


@dataclass(frozen=True)
class Item:
    """One authentic item, with whom it is about."""

    account: str
    about: Reference
    told: Json

    @property
    def code(self) -> str:
        """What happened, in Adyen's word."""
        return str(self.told["eventCode"])

    @property
    def succeeded(self) -> bool:
        """Whether what happened succeeded."""
        return bool(self.told["success"] == "true")

    @property
    def psp(self) -> str:
        """The reference of what happened."""
        return str(self.told["pspReference"])

    @property
    def original(self) -> str:
        """The payment's own reference."""
        return str(self.told.get("originalReference") or self.psp)

    @property
    def reference(self) -> str:
        """Our reference of what happened."""
        return str(self.told["merchantReference"])

    @property
    def event_id(self) -> str:
        """What repetitions of the item share."""
        return f"{self.psp}:{self.code}:{self.told['success']}"

    @property
    def amount(self) -> Money:
        """What moved, or would have."""
        return from_adyen(self.told["amount"]["value"], self.told["amount"]["currency"])

    def fact(self, kind: FactKind, *, operation: str, moves: bool = False, **more: Any) -> PaymentFact:
        """Write down what the item says."""
        return PaymentFact(
            event_id=self.event_id,
            provider=PROVIDER,
            account=self.account,
            payment_id=self.about.payment_id,
            kind=kind,
            provider_ref=str(self.about.payment_id),
            operation=operation,
            amount=self.amount if moves else None,
            occurred_at=instant(self.told["eventDate"]),
            source=FactSource.WEBHOOK,
            **more,
        )


def stored_with(item: Item) -> str | None:
    """Give the token of what was stored with an authorisation: unsigned, so a hint for Adyen to confirm."""
    about = item.told.get("additionalData") or {}
    told = about.get("tokenization.storedPaymentMethodId") or about.get("recurring.recurringDetailReference")
    return str(told) if told and item.code == "AUTHORISATION" and item.succeeded else None


def instant(text: str) -> datetime:
    """Read Adyen's date and time, UTC; raises ValueError for what is none."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def tell(item: Item) -> PaymentFact | None:
    """Tell what an item says of money; nothing where it says nothing, or is of a kind we do not know."""
    telling = _TELLS.get(item.code)
    return None if telling is None else telling(item)


def _authorised(item: Item) -> PaymentFact:
    tried = _tried_with(item.told)
    if not item.succeeded:
        reason = item.told.get("reason") or "Refused"
        code, word = decline.of(reason).value, decline.word(reason)
        return item.fact(
            FactKind.DECLINED, operation=item.psp, decline_code=code, decline_reason=word, **tried
        )
    kind = FactKind.AUTHORIZED if item.about.holds else FactKind.CAPTURED
    return item.fact(kind, operation=item.psp, moves=True, **tried)


def _captured(item: Item) -> PaymentFact | None:
    """A capture of a hold is one of several, perhaps; of what was taken at once it only says so again."""
    if not item.succeeded:
        return None
    operation = item.psp if item.about.holds else item.original
    return item.fact(FactKind.CAPTURED, operation=operation, moves=True)


def _capture_lost(item: Item) -> PaymentFact | None:
    """A capture that fails after it had succeeded: the money is with the buyer again."""
    return item.fact(FactKind.REFUNDED, operation=item.psp, moves=True) if item.succeeded else None


def _released(item: Item) -> PaymentFact | None:
    return item.fact(FactKind.CANCELLED, operation=item.original) if item.succeeded else None


def _refunded(item: Item) -> PaymentFact:
    kind = FactKind.REFUNDED if item.succeeded else FactKind.REFUND_FAILED
    return item.fact(kind, operation=item.psp, moves=True, refund_id=item.about.refund_id)


def _refund_lost(item: Item) -> PaymentFact | None:
    if not item.succeeded:
        return None
    return item.fact(FactKind.REFUND_FAILED, operation=item.psp, moves=True, refund_id=item.about.refund_id)


def _reversed(item: Item) -> PaymentFact | None:
    released = (item.told.get("additionalData") or {}).get(_LATER) == "cancel"
    return _released(item) if released else _refunded(item)


_TELLS: Mapping[str, Callable[[Item], PaymentFact | None]] = {
    "AUTHORISATION": _authorised,
    "CAPTURE": _captured,
    "CAPTURE_FAILED": _capture_lost,
    "CANCELLATION": _released,
    "TECHNICAL_CANCEL": _released,
    "EXPIRE": _released,
    "CANCEL_OR_REFUND": _reversed,
    "REFUND": _refunded,
    "REFUND_FAILED": _refund_lost,
    "REFUNDED_REVERSED": _refund_lost,
}


def brand_of(method: object) -> str | None:
    """Give our word for a brand of cards; nothing for a method that is no card."""
    return _BRANDS.get(str(method))


def _tried_with(told: Json) -> Json:
    """Tell with what it was tried: kind of method, brand and last digits of a card, the check for fraud."""
    about, method = told.get("additionalData") or {}, told.get("paymentMethod")
    brand = brand_of(method)
    return {
        "method": "card" if brand else method,
        "card_brand": brand,
        "card_last4": about.get("cardSummary") if brand else None,
        "risk_score": _score(about.get("totalFraudScore")),
        "risk_result": _risk(about),
    }


def _score(text: object) -> Decimal | None:
    try:
        score = Decimal(str(text))
    except InvalidOperation:
        return None
    if not score.is_finite():
        return None
    return (RISKIEST * min(max(score, Decimal(0)), Decimal(100)) / 100).quantize(Decimal("0.01"))


def _risk(about: Json) -> RiskResult | None:
    """Read the check for fraud; nothing where there was none."""
    if about.get("fraudManualReview") == "true":
        return RiskResult.REVIEW
    return _RISKS.get(str(about.get("fraudResultType")))
