"""Buying now and paying later: whose page the buyer is sent to, who may choose it, and what it may cost.

Currencies and limits are those that Stripe publishes. A buyer approves the plan on that page, declines it, or
leaves: it plays in the place of a bank's challenge.
"""

from dataclasses import dataclass
from typing import Literal

from sandbox.card import Decline, DisputeManner, RefundManner

LaterName = Literal["klarna", "afterpay"]


@dataclass(frozen=True)
class Later:
    """A service that pays at once and is paid by the buyer later; `limits` in minor units by currency."""

    name: LaterName
    shown: str
    limits: dict[str, tuple[int, int]]
    challenge: bool = True
    decline: Decline | None = None
    refunds: RefundManner = "at_once"
    dispute: DisputeManner | None = None

    @property
    def last4(self) -> str:
        """Return the four characters that may be shown: there are none."""
        return ""

    def takes(self, currency: str, amount: int) -> bool:
        """Return whether so much of a currency can be paid so."""
        least, most = self.limits.get(currency, (1, 0))
        return least <= amount <= most


KLARNA = Later(
    "klarna",
    "Klarna",
    dict.fromkeys(
        ("aud", "cad", "chf", "czk", "dkk", "eur", "gbp", "nok", "nzd", "pln", "ron", "sek", "usd"),
        (1, 99_999_999),
    ),
)
AFTERPAY = Later(
    "afterpay",
    "Afterpay",
    {**dict.fromkeys(("aud", "cad", "nzd"), (100, 200_000)), "gbp": (100, 120_000), "usd": (100, 400_000)},
)
BY_NAME: dict[str, Later] = {each.name: each for each in (KLARNA, AFTERPAY)}
