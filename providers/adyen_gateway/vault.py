"""What Adyen keeps for a shopper: details stored by Adyen's own page or fields, under our id of the shopper.

Adyen knows a shopper by whatever the merchant calls them, so there is nothing to be made first. What they
typed is stored by Adyen while they pay, and its token told with the authorisation; nothing else of it comes
here. That part of a notification is not signed: what counts is what Adyen lists for the shopper.
Source: Adyen, "Tokenization" and "Create tokens".
"""

from collections.abc import Sequence
from urllib.parse import quote

from providers.adyen_gateway import reference
from providers.adyen_gateway.client import AdyenClient
from providers.adyen_gateway.fact import Json, brand_of, stored_with
from providers.adyen_gateway.memory import SOON, Items
from providers.gateway import NotExecuted, NotFound, OutcomeUnknown, Refused
from providers.vault import KeptMethod, Stored

CENTURY = 2000


class AdyenVault:
    """The stored details in one merchant account."""

    def __init__(self, client: AdyenClient, merchant: str, items: Items) -> None:
        self._client, self._merchant, self._items = client, merchant, items

    def shopper(self, owner: str) -> str | None:
        """Give our own id of the shopper, by which Adyen knows them."""
        return owner

    async def open_customer(self, owner: str, *, op_key: str) -> str:  # noqa: ARG002 - the protocol's
        """Give our own id of the shopper, by which Adyen knows them."""
        return owner

    async def store_method(self, customer: str, token: str, *, op_key: str) -> KeptMethod:  # noqa: ARG002 - the protocol's
        """Find what Adyen has stored for this shopper: by its token, or our id of the payment it came with.

        Raises Refused for what it has not, NotExecuted until it was told what became of the payment.
        """
        wanted = await self._named(token)
        found = next((each for each in await self.list_methods(customer) if each.token == wanted), None)
        if found is None:
            raise Refused("not_this_shoppers")
        return found

    async def _named(self, token: str) -> str | None:
        """Give a token, or the one that was told with a payment of ours."""
        try:
            payment_id = reference.of_ours(token)
        except NotFound:
            return token
        told = [each for each in await self._items(payment_id) if each.code == "AUTHORISATION"]
        if not told:
            raise NotExecuted("told_later", retry_after=SOON)
        return next(filter(None, map(stored_with, told)), None)

    async def list_methods(self, customer: str) -> Sequence[KeptMethod]:
        """List what is stored for a shopper."""
        listing = self._client.checkout.recurring_api.get_tokens_for_stored_payment_details
        answer = await self._client.look("list_methods", listing, **self._of(customer))
        try:
            return [_kept(each) for each in answer.get("storedPaymentMethods") or ()]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise OutcomeUnknown("not_understood") from None

    async def forget_method(self, kept: Stored, *, op_key: str) -> None:  # noqa: ARG002 - the protocol's
        """Have what is stored deleted; without a key, for what is gone is only not found again."""
        api = self._client.checkout.recurring_api
        try:
            await self._client.delete(
                "forget_method",
                lambda **query: api.delete_token_for_stored_payment_details(
                    quote(kept.token, safe=""), **query
                ),
                **self._of(kept.customer),
            )
        except NotFound:
            return

    def _of(self, customer: str) -> dict[str, str]:
        return {"merchantAccount": self._merchant, "shopperReference": customer}


def _kept(details: Json) -> KeptMethod:
    brand = brand_of(details.get("brand"))
    return KeptMethod(
        token=details["id"],
        kind="card" if brand else details["type"],
        brand=brand,
        last4=details.get("lastFour"),
        expiry_month=_number(details.get("expiryMonth")),
        expiry_year=_year(details.get("expiryYear")),
        holder=details.get("holderName") or None,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _year(text: str | None) -> int | None:
    """Read a year, of which Adyen gives the last two digits or all four."""
    year = _number(text)
    return year + CENTURY if year is not None and year < CENTURY else year
