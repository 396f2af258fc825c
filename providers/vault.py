"""Means of payment that a provider keeps for a buyer, so that nothing has to be typed again.

We keep a token, which is of use to nobody without our key, and what people need to recognise a card: its
brand and last four digits. Its number never comes here; its expiry and holder are read when they are shown,
and kept nowhere.
"""

from collections.abc import Sequence
from typing import Protocol

from domain.value import Value


class Stored(Value):
    """A kept means of payment: `token` names it at the provider, `customer` whose it is there."""

    customer: str
    token: str


class KeptMethod(Value):
    """A kept means of payment as the provider shows it: `kind` is card, sepa_debit …; the year has four
    digits.
    """

    token: str
    kind: str
    brand: str | None = None
    last4: str | None = None
    expiry_month: int | None = None
    expiry_year: int | None = None
    holder: str | None = None


class Vault(Protocol):
    """The kept means of payment in one account at one provider; raises what a gateway raises."""

    def shopper(self, owner: str) -> str | None:
        """Name for whom the provider keeps what somebody pays with, as they pay; nothing where it does not.

        `owner` is the id of ours that `open_customer` is given, too, and gives the same name.
        """

    async def open_customer(self, owner: str, *, op_key: str) -> str:
        """Make whom methods are kept for, labelled `owner`, an id of ours; gives the provider's id.

        The same key makes one; whom nothing is kept for, made by a call whose answer was lost, does no harm.
        """

    async def store_method(self, customer: str, token: str, *, op_key: str) -> KeptMethod:
        """Keep what a buyer has typed at the provider, which gave `token` for it; kept already is kept. Where
        it is kept while they pay, our id of that payment will do.

        Raises Declined (the issuer says no), Refused (nobody's token, used up, or another customer's),
        NotExecuted while nothing is known of the payment.
        """

    async def list_methods(self, customer: str) -> Sequence[KeptMethod]:
        """List what is kept for a customer, at most 100, the newest first."""

    async def forget_method(self, kept: Stored, *, op_key: str) -> None:
        """Keep it no longer; not kept any more is done."""
