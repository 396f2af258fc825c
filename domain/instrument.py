"""With what a payment was made: the method, of a card what may be kept, and the check for fraud."""

from collections.abc import Iterable
from decimal import Decimal

from domain.payment import FactKind, PaymentFact, RiskResult
from domain.value import Value

# The more a provider has done, the more its word on with what it was tried counts.
_TELLS_MORE = (FactKind.CAPTURED, FactKind.AUTHORIZED, FactKind.DECLINED)


class Instrument(Value):
    """With what a payment was made, or last tried, and what the check for fraud said."""

    method: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    risk_score: Decimal | None = None
    risk_result: RiskResult | None = None


def instrument(facts: Iterable[PaymentFact]) -> Instrument:
    """Tell with what a payment was made, whatever the order of its facts: of what was captured before what
    was authorised before what was declined, of two alike the later.
    """
    telling = [fact for fact in facts if fact.kind in _TELLS_MORE and (fact.method or fact.risk_result)]
    telling.sort(key=lambda fact: (-_TELLS_MORE.index(fact.kind), fact.occurred_at, fact.operation))
    return Instrument.model_validate(telling[-1], from_attributes=True) if telling else Instrument()
