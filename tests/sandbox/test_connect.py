"""Connected accounts, transfers and payouts, driven by the unmodified SDK."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conforms import object_breaches
from tests.sandbox.conftest import Receiver, Shop

DAYS = 24 * 3600


async def connected(shop: Shop, **more: Any) -> Any:
    """Open an account for an organizer, as Stripe's own example does."""
    return await shop.stripe.v1.accounts.create_async(
        {
            "type": "express",
            "country": "DE",
            "email": "organizer@x.test",
            "default_currency": "eur",
            "capabilities": {"transfers": {"requested": True}},
            "external_account": "btok_us_verified",
            **more,
        }
    )


async def moved(shop: Shop, account: str, amount: int = 3000, **more: Any) -> Any:
    return await shop.stripe.v1.transfers.create_async(
        {"amount": amount, "currency": "eur", "destination": account, **more}
    )


async def test_an_account_is_opened_and_sent_to_say_who_it_is(shop: Shop) -> None:
    account = await connected(shop)
    assert (account.details_submitted, account.payouts_enabled) == (False, True)
    assert account.capabilities.to_dict() == {"transfers": "active"}

    link = await shop.stripe.v1.account_links.create_async(
        {
            "account": account.id,
            "type": "account_onboarding",
            "return_url": "https://x.test/back",
            "refresh_url": "https://x.test/again",
        }
    )

    assert link.url == "https://x.test/back"
    assert (await shop.stripe.v1.accounts.retrieve_async(account.id)).details_submitted is True
    told = await shop.stripe.v1.events.list_async({}, {"stripe_account": account.id})
    assert [event.type for event in told.data] == ["account.updated"]


async def test_money_is_moved_taken_back_and_paid_out(shop: Shop) -> None:
    await shop.paid(10_000)
    await shop.advance(3 * DAYS)
    account = await connected(shop)
    transfer = await moved(shop, account.id, transfer_group="booking")
    back = await shop.stripe.v1.transfers.reversals.create_async(transfer.id, {"amount": 1000})
    theirs = {"stripe_account": account.id}

    payout = await shop.stripe.v1.payouts.create_async({"amount": 2000, "currency": "eur"}, theirs)
    await shop.advance(3 * DAYS)

    paid = await shop.stripe.v1.payouts.retrieve_async(payout.id, {}, theirs)
    assert paid.status == "paid"
    held = await shop.stripe.v1.balance.retrieve_async({}, theirs)
    assert [(each.amount, each.currency) for each in held.available] == [(0, "eur")]
    listed = await shop.stripe.v1.transfers.list_async({"transfer_group": "booking"})
    assert [(each.amount, each.amount_reversed) for each in listed.data] == [(3000, 1000)]
    assert {"transfer.created", "transfer.reversed"} <= {*await shop.event_types()}
    told = await shop.stripe.v1.events.list_async({}, theirs)
    assert {"payout.created", "payout.paid"} <= {event.type for event in told.data}
    for thing, kind in (
        (listed.data[0], stripe.Transfer),
        (back, stripe.TransferReversal),
        (paid, stripe.Payout),
        (account, stripe.Account),
    ):
        assert list(object_breaches(thing.to_dict(), kind, kind.__name__)) == []
    await shop.payments()  # makes the sandbox check its own entries


async def test_an_endpoint_for_connected_accounts_hears_of_them_and_of_nothing_else(
    shop: Shop, receiver: Receiver
) -> None:
    account = await connected(shop)
    theirs = {"stripe_account": account.id}
    hooks = shop.stripe.v1.webhook_endpoints
    endpoint = await hooks.create_async({"url": receiver.url, "enabled_events": ["*"], "connect": True})
    await shop.paid(5000)
    await shop.advance(3 * DAYS)
    await moved(shop, account.id)
    await shop.drain()
    assert receiver.deliveries == []

    payout = await shop.stripe.v1.payouts.create_async({"amount": 2000, "currency": "eur"}, theirs)
    await shop.drain()

    events = receiver.verified(endpoint.secret)
    assert {(event.account, event.data.object.id) for event in events} == {(account.id, payout.id)}
    (event,) = [event for event in events if event.type == "payout.created"]
    assert event.pending_webhooks == 1
    own = await shop.stripe.v1.accounts.retrieve_async(account.id)
    assert payout.destination == own.external_accounts.data[0].id
    assert list(object_breaches(event.to_dict(), stripe.Event, "Event")) == []
    assert "payout.created" not in await shop.event_types()


async def test_an_endpoint_of_ones_own_account_hears_nothing_of_connected_ones(
    shop: Shop, receiver: Receiver
) -> None:
    account = await connected(shop)
    await shop.stripe.v1.webhook_endpoints.create_async({"url": receiver.url, "enabled_events": ["*"]})

    await shop.stripe.v1.accounts.update_async(account.id, {"email": "other@x.test"})
    await shop.drain()

    assert receiver.deliveries == []


async def test_only_what_is_available_can_be_moved_unless_it_is_a_part_of_one_charge(shop: Shop) -> None:
    paid = await shop.paid(5000)
    await shop.advance(5)
    account = await connected(shop)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await moved(shop, account.id)
    assert refused.value.code == "balance_insufficient"

    charge = paid.latest_charge
    assert (await moved(shop, account.id, source_transaction=charge)).source_transaction == charge
    with pytest.raises(stripe.InvalidRequestError):
        await moved(shop, account.id, source_transaction=charge)


async def test_a_payout_that_has_not_left_is_kept(shop: Shop) -> None:
    await shop.paid(5000)
    await shop.advance(3 * DAYS)
    payout = await shop.stripe.v1.payouts.create_async({"amount": 2000, "currency": "eur"})

    assert (await shop.stripe.v1.payouts.cancel_async(payout.id)).status == "canceled"

    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.payouts.cancel_async(payout.id)
    lines = (await shop.stripe.v1.balance_transactions.list_async({"expand": ["data.source"]})).data
    assert [(line.type, line.net) for line in lines[:2]] == [("payout_failure", 2000), ("payout", -2000)]
    assert lines[0].source.id == payout.id


async def test_somebody_elses_account_is_nobodys(shop: Shop, sandbox: Any) -> None:
    other = Shop(shop.url, shop.http, shop.transport)
    account = await connected(other)

    with pytest.raises(stripe.PermissionError):
        await shop.stripe.v1.balance.retrieve_async({}, {"stripe_account": account.id})
    with pytest.raises(stripe.InvalidRequestError):
        await moved(shop, account.id)


async def test_what_is_not_played_is_refused_and_what_stripe_does_not_know_as_well(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as unplayed:
        await connected(shop, individual={"first_name": "Ada"})
    assert unplayed.value.code == "sandbox_unsupported"
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await moved(shop, "acct_x", colour="red")
    assert unknown.value.code == "parameter_unknown"
