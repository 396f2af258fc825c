"""The relay's own look at what is due, of which nobody has told it."""

from datetime import timedelta

from uuid_utils.compat import uuid7

from activities.relay.loop import Bells
from activities.relay.relay import Relay
from db import webhook
from db.booking.confirm import confirm
from db.booking.place import place
from db.refund import intent
from domain.booking import ConfirmBooking
from domain.ids import RefundId
from domain.refund import RefundPayment
from providers.gateway import Accounts
from tests.support.database import Databases
from tests.support.shop import NEXT_WEEK, Shop, keep, let_time_pass, open_shop, pay
from tests.support.told import Told

KINDS = frozenset({"booking", "refund", "fact", "notice", "hold"})


async def rung(databases: Databases) -> set[str]:
    """Give the kinds of work that are woken by a look."""
    bells = Bells()
    rings = {kind: bells.of(kind).next_ring for kind in KINDS}
    relay = Relay(
        database=databases.relay,
        gateways=Accounts(),
        sagas=Told(),
        url="",
        live=False,
        grace=timedelta(minutes=2),
    )
    await relay.look(bells)
    return {kind for kind, ring in rings.items() if ring.is_set()}


async def abandoned(databases: Databases, shop: Shop) -> None:
    """Leave a booking whose time is over."""
    booking = (await place(databases.app, shop.placement())).booking
    await let_time_pass(databases.urls, booking.id)


async def bought_and_given_back(databases: Databases, shop: Shop) -> None:
    """Buy, so that a mail is owed, and have the money go back."""
    booking = (await place(databases.app, shop.placement())).booking
    await keep(databases.app, booking)
    payment_id = await pay(databases.payment, booking)
    async with databases.app.tenant(shop.tenant_id) as connection:
        await confirm(connection, ConfirmBooking(tenant_id=shop.tenant_id, booking_id=booking.id))
    wish = RefundPayment(
        tenant_id=shop.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=None,
        cause="goodwill",
    )
    async with databases.payment.tenant(shop.tenant_id) as connection:
        await intent.ask(connection, wish)


async def test_a_look_wakes_whoever_has_something_to_do_and_nobody_else(databases: Databases) -> None:
    shop = await open_shop(databases.app)
    assert await rung(databases) == set()

    await abandoned(databases, shop)
    assert await rung(databases) == {"booking", "hold"}

    await bought_and_given_back(databases, shop)
    event = webhook.Delivery("stripe", "default", "evt_1", "payment_intent.succeeded", NEXT_WEEK, b"{}")
    async with databases.app.across() as connection:
        await webhook.store(connection, [event])
    assert await rung(databases) == KINDS


async def test_what_waits_for_a_person_is_not_due_and_keeps_nothing_else_from_being_seen(
    databases: Databases,
) -> None:
    parked = webhook.Delivery("stripe", "default", "evt_1", "", None, b"?", parked="unreadable")
    async with databases.app.across() as connection:
        await webhook.store(connection, [parked])
    assert await rung(databases) == set()

    await abandoned(databases, await open_shop(databases.app))
    assert await rung(databases) == {"booking", "hold"}
