"""Payments over several accounts at several providers: an outage, rules, and refunds that find their way."""

import asyncio
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from db import route, tenant
from db.tenant import Account as OurAccount
from domain.route import AccountName, RouteRule
from tests.support import paypal
from tests.support.check import violations
from tests.support.sandbox import KEYS, Account
from tests.support.shop import Shop
from tests.support.stack import MakeStack, Stack
from tests.support.wait import eventually
from tests.workflows.test_provider_away import FOR_EVER, answered, down
from tests.workflows.test_refund import give_back, until

WENT_TO = "select provider || '/' || account from payments where booking_id = $1 order by id"
# So few silent calls open the circuit.
FAILURES = 2
# What the further account's webhooks are signed with; the setting has an older secret in front.
SIGNED = {"stripe": "whsec_of_the_second", "adyen": "11" * 32, "paypal": "THESECONDSWEBHOOK"}
OLDER = {"stripe": "whsec_of_before", "adyen": "22" * 32, "paypal": "AWEBHOOKOFBEFORE"}


@dataclass
class Several(Account):
    """All that several accounts took, for the judge."""

    others: list[Account] = field(default_factory=list)

    async def _look(self, what: str, key: str | None = None) -> list[dict[str, Any]]:
        found = await super()._look(what, key)
        for each in self.others if key is None else ():
            found += await each._look(what)
        return found


def judged(stack: Stack, *others: Account) -> Stack:
    """Give the stack with the books of all these accounts."""
    ours = stack.sandbox
    return replace(stack, sandbox=Several(ours.url, ours.http, ours.key, ours.mail_key, others=[*others]))


async def beside(stack: Stack, shop: Shop, provider: str) -> Account:
    """Let a shop be paid over another provider, too, which tells us from now on; gives the account there."""
    keys = {"adyen": stack.settings.adyen_api_key, "paypal": stack.settings.paypal_client_id}
    marks = {"adyen": stack.settings.adyen_hmac_key, "paypal": paypal.WEBHOOK}
    there = replace(stack.sandbox, provider=provider, key=keys[provider])
    await there.listen(f"{stack.settings.api_url}/api/v1/webhooks/{provider}", marks[provider])
    await open_account(shop, AccountName(provider=provider, name="default"))
    return there


async def open_account(shop: Shop, named: AccountName) -> None:
    async with shop.app.tenant(shop.tenant_id) as connection:
        account = OurAccount(provider=named.provider, name=named.name, mode="test")
        await tenant.put_account(connection, shop.tenant_id, account, preferred=False)


async def rule(shop: Shop, *rules: RouteRule) -> None:
    async with shop.app.tenant(shop.tenant_id) as connection:
        await route.put(connection, shop.tenant_id, rules)


async def went_to(stack: Stack, booking: Any) -> list[str]:
    return [next(iter(row.values())) for row in await stack.rows(WENT_TO, booking.id)]


@pytest.mark.row("PAY-06")
@pytest.mark.row("PAY-42")
async def test_while_one_provider_is_down_bookings_go_on_over_the_other_and_back_from_there(
    make_stack: MakeStack,
) -> None:
    """An on-sale: what was begun at the first stays with it, and its silence meets one buyer alone."""
    async with make_stack(provider_failures=FAILURES, provider_rest_seconds=FOR_EVER) as stack:
        shop = await stack.shop(capacity=5)
        other = await beside(stack, shop, "adyen")
        begun = await stack.book(shop)
        assert (await stack.checkout(begun))["provider"] == "stripe"
        await down(stack)
        unlucky = await stack.book(shop)
        assert (await answered(stack, unlucky, "one wish")).status_code == 503

        bookings = [await stack.book(shop) for _ in range(3)]
        checkouts = await asyncio.gather(*(stack.checkout(booking) for booking in bookings))
        for checkout in checkouts:
            assert checkout["provider"] == "adyen"
            assert await other.pay(checkout["payment_url"]) == "paid"
        for booking in bookings:
            assert len((await stack.wait_for(booking, "confirmed"))["tickets"]) == 1
        refund = await give_back(stack, UUID(checkouts[0]["payment_id"]))
        await until(stack, refund, "completed")

        assert [await went_to(stack, each) for each in (begun, unlucky, *bookings)] == [
            ["stripe/default"],
            ["stripe/default"],
            *[["adyen/default"]] * 3,
        ]
        assert [each["status"] for each in await stack.sandbox.checkouts()] == ["open"]
        assert (await stack.sandbox.kept(), await other.kept()) == (0, 5_000)


@pytest.mark.row("PAY-06")
async def test_who_did_nothing_is_followed_by_the_next_and_asked_first_again(stack: Stack) -> None:
    shop = await stack.shop()
    other = await beside(stack, shop, "paypal")
    first, second = await stack.book(shop), await stack.book(shop)
    await stack.sandbox.break_down("POST /v1/checkout/sessions", "rate_limit")

    turned, as_ever = await stack.pay(first), await stack.pay(second)

    assert (turned["provider"], as_ever["provider"]) == ("paypal", "stripe")
    for booking in (first, second):
        await stack.wait_for(booking, "confirmed")
        await stack.closed(booking.workflow)
    assert (await other.kept(), await stack.sandbox.kept()) == (2_500, 2_500)
    assert await violations(judged(stack, other)) == []


@pytest.mark.row("PAY-42")
async def test_a_buyer_who_switches_providers_and_pays_on_both_gets_one_payment_back(stack: Stack) -> None:
    shop = await stack.shop()
    other = await beside(stack, shop, "adyen")
    booking = await stack.book(shop)

    left = await stack.checkout(booking)
    await stack.pay(booking, provider="adyen")
    await stack.wait_for(booking, "confirmed")
    await stack.closed(booking.workflow)
    assert [each["status"] for each in await stack.sandbox.checkouts()] == ["expired"]
    await stack.sandbox.pay(left["payment_url"], after_expiry=True)

    async def back() -> bool:
        return [each["refunded"] for each in await stack.sandbox.payments()] == [2_500]

    await eventually(back, what="the second payment to go back")
    assert await other.kept() == 2_500
    assert await went_to(stack, booking) == ["stripe/default", "adyen/default"]
    assert (await stack.read(booking))["status"] == "confirmed"


def credential(provider: str, key: str) -> dict[str, str]:
    """Write what a further account is reached with, its webhooks' secret in rotation."""
    mark = f"{OLDER[provider]},{SIGNED[provider]}"
    keys = {
        "stripe": {"secret_key": key, "publishable_key": "pk_test_second", "webhook_secret": mark},
        "adyen": {
            "api_key": key,
            "merchant_account": "HoldfastEvents",
            "hmac_key": mark,
            "client_key": "test_second",
        },
        "paypal": {"client_id": key, "client_secret": paypal.SECRET, "webhook_id": mark},
    }
    return {"provider": provider, "name": "second", **keys[provider]}


@pytest.mark.row("PAY-42")
@pytest.mark.row("WHK-01")
@pytest.mark.parametrize("provider", ["stripe", "adyen", "paypal"])
async def test_a_further_account_takes_what_a_rule_gives_it_and_gives_it_back_when_the_rule_is_gone(
    make_stack: MakeStack, provider: str
) -> None:
    key, second = KEYS[provider] + secrets.token_hex(16), AccountName(provider=provider, name="second")
    async with make_stack(further_accounts=json.dumps([credential(provider, key)])) as stack:
        shop = await stack.shop()
        there = replace(stack.sandbox, provider=provider, key=key)
        await there.listen(f"{stack.settings.api_url}/api/v1/webhooks/{provider}/second", SIGNED[provider])
        await open_account(shop, second)
        await rule(shop, RouteRule(accounts=(second,), offer_id=shop.offer.id))
        booking = await stack.book(shop)

        checkout = await stack.checkout(booking)
        assert await there.pay(checkout["payment_url"]) in ("paid", "approved")  # which PayPal lets us take
        await stack.wait_for(booking, "confirmed")
        await rule(shop)
        later = await stack.book(shop)
        await stack.checkout(later)
        refund = await give_back(stack, UUID(checkout["payment_id"]))
        await until(stack, refund, "completed")

        assert await went_to(stack, booking) == [str(second)]
        assert await went_to(stack, later) == ["stripe/default"]
        assert [(each["captured"], each["refunded"]) for each in await there.payments()] == [(2_500, 2_500)]
        assert await stack.sandbox.payments() == []
        heard = await stack.rows("select distinct account from webhook_events where status <> 'parked'")
        assert {"account": "second"} in heard
