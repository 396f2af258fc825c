"""Which of our accounts takes a payment: the organizer's rules, the most specific one first (PAY-42)."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import Field

from domain import registry
from domain.ids import OfferId
from domain.value import Value


class AccountName(Value):
    """An account at a payment provider, by our name for it; written `provider/name`."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read an account as it is written."""
        provider, _, name = written.partition("/")
        return cls(provider=provider, name=name)


class Purchase(Value):
    """What a payment is for, as far as its route depends on it; all but the currency may not be known.

    `minor` is its amount in minor units.
    """

    currency: str
    minor: int | None = None
    offer_id: OfferId | None = None
    country: str | None = None
    method: str | None = None


class RouteRule(Value):
    """Payments of purchases that are so go to the first of these accounts, or to the next in its stead.

    What a rule does not name may be anything.
    """

    accounts: Annotated[tuple[AccountName, ...], Field(min_length=1)]
    offer_id: OfferId | None = None
    method: str | None = None
    country: str | None = None
    currency: str | None = None

    @property
    def specificity(self) -> tuple[bool, ...]:
        """The rank of a rule: one for an offer goes before one for a method, for a country, for a currency.

        Two rules of one rank never apply to the same purchase, unless they are for the same.
        """
        named = (self.offer_id, self.method, self.country, self.currency)
        return tuple(each is not None for each in named)

    def applies(self, purchase: Purchase) -> bool:
        """Say whether the rule is about such a purchase."""
        return (
            self.offer_id in (None, purchase.offer_id)
            and self.method in (None, purchase.method)
            and self.country in (None, purchase.country)
            and self.currency in (None, purchase.currency)
        )


def route(
    purchase: Purchase,
    rules: Iterable[RouteRule],
    accounts: Sequence[AccountName],
    *,
    provider: str | None = None,
) -> tuple[AccountName, ...]:
    """List the accounts that may take a payment, each once, the one to be asked first; none when none may.

    The most specific rule that applies decides alone. `accounts` are those that can be used at all, in the
    order that counts where no rule applies; `provider` is the buyer's wish, which narrows the list.
    """
    applying = [rule for rule in rules if rule.applies(purchase)]
    rule = max(applying, key=lambda each: each.specificity, default=None)
    return tuple(
        account
        for account in dict.fromkeys(rule.accounts if rule else accounts)
        if account in accounts
        and provider in (None, account.provider)
        and registry.takes(
            account.provider,
            method=purchase.method,
            country=purchase.country,
            currency=purchase.currency,
            minor=purchase.minor,
        )
    )
