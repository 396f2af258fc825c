"""A look at an intent and its charges, which are asked for one after the other until there is a charge."""

from typing import Any

import aiohttp

from domain.payment import FactKind
from tests.providers.conftest import MakeOrder, key_of, stripe_gateway
from tests.support.sandbox import Account


async def test_a_payment_made_in_the_midst_of_a_look_is_told_with_its_card(
    account: Account, order: MakeOrder
) -> None:
    wished, asked = order(hosted=False), list[str]()

    async def pay_behind_the_first_list(_: Any, __: Any, done: aiohttp.TraceRequestEndParams) -> None:
        asked.append(done.url.path.rpartition("/")[2])
        if asked == ["payment_intents", "charges"]:
            await account.control(f"payment_intents/{opened.provider_ref}/pay", card="visa")

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(pay_behind_the_first_list)
    async with aiohttp.ClientSession(trace_configs=[trace]) as http:
        gateway = stripe_gateway(account, http)
        opened = await gateway.open_checkout(wished, op_key=key_of(wished))
        told = await gateway.fetch(wished.payment_id, opened.provider_ref)
        told_again = await gateway.fetch(wished.payment_id, opened.provider_ref)

    (taken,) = (fact for fact in told if fact.kind is FactKind.CAPTURED)
    assert (taken.card_brand, taken.card_last4) == ("visa", "4242")
    assert told_again == told
    assert asked == ["payment_intents", "charges", opened.provider_ref, "charges", "charges"]
