"""The charges of an intent: every try to pay it, and what went back of each."""

import stripe

from domain.payment import PaymentFact
from providers.stripe_gateway import fact
from providers.stripe_gateway.call import Call, each
from providers.stripe_gateway.fact import Heard, Json


class StripeCharges:
    """Lists charges through the gateway's one way out.

    They are the largest of Stripe's answers, and read for every payment: as plain JSON, for making the SDK's
    objects of them takes longer than all else about the call.
    """

    def __init__(self, client: stripe.StripeClient, call: Call) -> None:
        self._client, self._call = client, call

    async def of(self, intent_id: str) -> list[Json]:
        """List the charges of an intent, the newest first, each with its refunds and the intent as it is."""
        params = {"payment_intent": intent_id, "expand": ["data.refunds", "data.payment_intent"]}

        async def listing(params: Json) -> object:
            return await self._client.raw_request_async("get", "/v1/charges", **params)

        return [charge async for charge in each(self._call, "fetch", listing, params)]

    async def told(self, heard: Heard, intent: Json, charge: Json) -> list[PaymentFact | None]:
        """Tell of one charge of an intent and of what became of its refunds."""
        told = [fact.declined_charge(heard, intent, charge)]
        if charge["id"] == fact.id_of(intent["latest_charge"]) and charge["status"] != "failed":
            told.append(fact.standing(heard, intent, charge))
        refunds = charge.get("refunds") or {"data": [], "has_more": False}
        if refunds["has_more"]:
            listing, params = self._client.v1.refunds.list_async, {"charge": charge["id"]}
            refunds["data"] = [one async for one in each(self._call, "fetch", listing, params)]
        return [*told, *(fact.refund(heard, refund) for refund in refunds["data"])]
