"""An organizer's rules for which account takes a payment, as rows."""

import asyncio

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db import route, tenant
from db.session import Database
from domain.ids import ChannelId, OfferId, TenantId
from domain.route import AccountName, RouteRule
from tests.support.database import Databases
from tests.support.shop import Shop, open_shop

STRIPE, ADYEN = AccountName.parse("stripe/default"), AccountName.parse("adyen/second")


async def put(shop: Shop, *rules: RouteRule) -> None:
    async with shop.app.tenant(shop.tenant_id) as connection:
        await route.put(connection, shop.tenant_id, rules)


async def judged_by(shop: Shop, channel_id: ChannelId) -> route.Ruled:
    async with shop.app.tenant(shop.tenant_id) as connection:
        return await route.ruled(connection, shop.tenant_id, channel_id)


async def found(app: Database, tenant_id: TenantId) -> list[RouteRule]:
    async with app.tenant(tenant_id) as connection:
        return await route.rules(connection, tenant_id)


@pytest.mark.row("PAY-42")
async def test_rules_are_read_as_they_were_written_and_written_anew_as_a_whole(databases: Databases) -> None:
    shop, other = await open_shop(databases.app), await open_shop(databases.app)
    rules = [
        RouteRule(accounts=(ADYEN, STRIPE), offer_id=shop.offer.id, method="card", country="NL"),
        RouteRule(accounts=(STRIPE,), currency="EUR"),
        RouteRule(accounts=(ADYEN,)),
    ]
    await put(other, rules[1])

    await put(shop, *rules)
    assert await found(databases.app, shop.tenant_id) == rules

    await put(shop, *rules[:0:-1])
    assert await found(databases.app, shop.tenant_id) == [rules[2], rules[1]]
    assert await found(databases.app, other.tenant_id) == [rules[1]]


@pytest.mark.row("PAY-42")
async def test_a_wish_to_pay_is_judged_by_its_organizers_rules_accounts_and_channel(
    databases: Databases,
) -> None:
    shop, other = await open_shop(databases.app), await open_shop(databases.app)
    rules = (
        RouteRule(accounts=(ADYEN, STRIPE), offer_id=shop.offer.id),
        RouteRule(accounts=(STRIPE,), country="NL"),
    )
    await put(shop, *rules)
    await shop.prefer("adyen")
    origins = ("https://shop.example", "app://booking")
    async with databases.app.tenant(shop.tenant_id) as connection:
        channel = shop.channel.model_copy(update={"return_origins": origins})
        await tenant.put_channel(connection, channel, f"pk_test_{shop.tenant_id.hex}")

    ours = await judged_by(shop, shop.channel.id)

    assert (ours.origins, ours.rules) == (origins, rules)
    assert [account.provider for account in ours.accounts] == ["adyen", "stripe"]
    assert (await judged_by(shop, other.channel.id)).origins == ()
    theirs = await judged_by(other, other.channel.id)
    assert (theirs.origins, theirs.rules, len(theirs.accounts)) == ((), (), 1)


async def test_two_who_write_the_rules_at_once_write_them_one_after_the_other(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    tables = [
        [RouteRule(accounts=(first,)), RouteRule(accounts=(first,), country="NL")]
        for first in (STRIPE, ADYEN)
    ]

    await asyncio.gather(*(put(shop, *table) for table in tables * 3))

    assert await found(databases.app, shop.tenant_id) in tables


@pytest.mark.parametrize(
    "rules",
    [
        (RouteRule(accounts=(STRIPE,), country="NL"), RouteRule(accounts=(ADYEN,), country="NL")),
        (RouteRule(accounts=(STRIPE,), offer_id=OfferId(uuid7())),),
    ],
    ids=["two for the same", "for an offer that is not there"],
)
async def test_rules_that_make_no_sense_are_not_written(
    databases: Databases, rules: tuple[RouteRule, ...]
) -> None:
    shop = await open_shop(databases.app)
    await put(shop, RouteRule(accounts=(STRIPE,)))

    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await put(shop, *rules)

    assert await found(databases.app, shop.tenant_id) == [RouteRule(accounts=(STRIPE,))]
