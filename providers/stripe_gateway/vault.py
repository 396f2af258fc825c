"""What Stripe keeps for a customer: payment methods, attached and detached."""

from collections.abc import Sequence

from stripe import V1Services

from providers.gateway import NotFound, Refused
from providers.stripe_gateway.call import PAGE, Call
from providers.stripe_gateway.fact import Json, id_of
from providers.vault import KeptMethod, Stored


class StripeVault:
    """The kept payment methods of one account; `call` waits for Stripe's answer, in the gateway's words."""

    def __init__(self, stripe: V1Services, call: Call) -> None:
        self._stripe, self._call = stripe, call

    def shopper(self, owner: str) -> str | None:  # noqa: ARG002 - the protocol's
        """Nobody: what is typed for Stripe is kept by a call of ours."""
        return None

    async def open_customer(self, owner: str, *, op_key: str) -> str:
        """Make a customer. No person's data goes with it: what Stripe needs to know the buyer types there."""
        making = self._stripe.customers.create_async(
            {"metadata": {"owner": owner}}, {"idempotency_key": op_key}
        )
        return str((await self._call("open_customer", making))["id"])

    async def store_method(self, customer: str, token: str, *, op_key: str) -> KeptMethod:  # noqa: ARG002 - the protocol's
        """Attach a payment method; one that Stripe will not attach may be this customer's already.

        So no idempotency key goes with it: under one Stripe would replay a 500 that it has stored.
        """
        attaching = self._stripe.payment_methods.attach_async(token, {"customer": customer})
        try:
            return _kept(await self._call("store_method", attaching))
        except Refused:
            method = await self._call("store_method", self._stripe.payment_methods.retrieve_async(token))
            if id_of(method["customer"]) != customer:
                raise
            return _kept(method)

    async def list_methods(self, customer: str) -> Sequence[KeptMethod]:
        """List a customer's payment methods."""
        listing = self._stripe.customers.payment_methods.list_async(customer, {"limit": PAGE})
        return [_kept(method) for method in (await self._call("list_methods", listing))["data"]]

    async def forget_method(self, kept: Stored, *, op_key: str) -> None:  # noqa: ARG002 - the protocol's
        """Detach a payment method, which nobody can attach again; without a key, as it was attached."""
        detaching = self._stripe.payment_methods.detach_async(kept.token)
        try:
            await self._call("forget_method", detaching)
        except NotFound:
            return
        except Refused:
            looking = self._stripe.payment_methods.retrieve_async(kept.token)
            method = await self._call("forget_method", looking)
            if method["customer"] is not None:
                raise


def _kept(method: Json) -> KeptMethod:
    card = method.get("card") or {}
    debit = method.get("sepa_debit") or {}
    return KeptMethod(
        token=method["id"],
        kind=method["type"],
        brand=card.get("brand"),
        last4=card.get("last4") or debit.get("last4"),
        expiry_month=card.get("exp_month"),
        expiry_year=card.get("exp_year"),
        holder=(method.get("billing_details") or {}).get("name"),
    )
