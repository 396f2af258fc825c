"""Paying by way of a service: whose page the buyer is sent to, who may choose it, and what it may cost.

Some of them pay now and are paid by the buyer later; PayPal pays out of what the buyer has there.
Currencies and limits are those that Stripe publishes. A buyer approves the plan on that page, declines it, or
leaves: it plays in the place of a bank's challenge.
"""

from dataclasses import dataclass
from typing import Literal

from sandbox.card import Decline, DisputeManner, RefundManner

LaterName = Literal["klarna", "afterpay", "paypal"]


@dataclass(frozen=True)
class Later:
    """A service that pays at once; `limits` in minor units by currency, of those that are paid later.

    `heading` and `promise` are what pages say of it.
    """

    name: LaterName
    shown: str
    limits: dict[str, tuple[int, int]]
    paid_later: bool = True
    challenge: bool = True
    decline: Decline | None = None
    refunds: RefundManner = "at_once"
    dispute: DisputeManner | None = None

    @property
    def last4(self) -> str:
        """Return the four characters that may be shown: there are none."""
        return ""

    @property
    def heading(self) -> str:
        """Return what stands above the buyer's choice of it."""
        return f"Pay {'later ' if self.paid_later else ''}with {self.shown}"

    @property
    def promise(self) -> str:
        """Return who pays what, and when."""
        whence = f"you pay {self.shown} in parts" if self.paid_later else "out of what you have there"
        return f"{self.shown} pays now, {whence}."

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
PAYPAL = Later("paypal", "PayPal", {}, paid_later=False)
BY_NAME: dict[str, Later] = {each.name: each for each in (KLARNA, AFTERPAY, PAYPAL)}
