"""Money: integer minor units and an ISO 4217 currency. No float touches it."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from domain.value import Value

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

# ISO 4217 minor units that are not 2. They serve showing only; a provider that counts differently is
# converted in its gateway.
_EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def exponent(currency: str) -> int:
    """Tell how many decimals the currency is shown with (ISO 4217): EUR 2, JPY 0, BHD 3."""
    return _EXPONENTS.get(currency, 2)


class Money(Value):
    """An amount in minor units of one currency; adding across currencies is a defect."""

    minor: int
    currency: Currency

    def __add__(self, other: "Money") -> "Money":
        return self._with(self.minor + self._same(other).minor)

    def __sub__(self, other: "Money") -> "Money":
        return self._with(self.minor - self._same(other).minor)

    def __neg__(self) -> "Money":
        return self._with(-self.minor)

    def __mul__(self, times: int) -> "Money":
        return self._with(self.minor * times)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._same(other).minor

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other).minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        digits = exponent(self.currency)
        sign, units = ("-" if self.minor < 0 else ""), f"{abs(self.minor):0{digits + 1}}"
        whole, rest = units[: len(units) - digits], units[len(units) - digits :]
        return f"{sign}{whole}{'.' if digits else ''}{rest} {self.currency}"

    def _with(self, minor: int) -> "Money":
        return Money(minor=minor, currency=self.currency)

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other


def zero(currency: str) -> Money:
    """Give no money of a currency, to start a sum with."""
    return Money(minor=0, currency=currency)


def allocate(total: Money, weights: Sequence[int]) -> list[Money]:
    """Split `total` by `weights` (each ≥ 0, sum > 0) so that the parts add up to `total` exactly.

    Leftover minor units go to the largest remainders, ties to the earlier part. Same length and order as
    `weights`.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights are at least 0, and not all 0")
    shares = [divmod(total.minor * weight, whole) for weight in weights]
    left = total.minor - sum(share for share, _ in shares)
    by_remainder = sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))
    extra = set(by_remainder[:left])
    return [Money(minor=share + (i in extra), currency=total.currency) for i, (share, _) in enumerate(shares)]
