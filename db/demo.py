"""The demo organizer and what it sells: `python -m db.demo` writes it and prints it as JSON.

Ids are derived from names and days, so a repeat changes nothing but moves the window: slots lie in the coming
weeks, counted from the day it is run. Written by the app role under the tenant, like any organizer's edit.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from db import catalog, tenant
from db.session import Connection, Database
from db.tenant import Account, Channel
from domain.catalog import Offer, SalesTerms, Slot, Variant
from domain.consent import ConsentText
from domain.ids import ChannelId, CounterId, OfferId, SlotId, TenantId, VariantId
from domain.money import Money
from domain.passenger import PassengerRule

ROOT = UUID("6d0f8a1e-4c57-5a39-9b3c-1f2e7d60c0de")
TENANT = TenantId(uuid5(ROOT, "lanternhouse"))
CHANNELS = {
    "web": "pk_demo_lanternhouse_web",
    "mobile": "pk_demo_lanternhouse_app",
    "api": "pk_demo_lanternhouse_api",
}

# Nothing in the demo closes while somebody looks at it.
SOONEST = timedelta(hours=1)


@dataclass(frozen=True)
class Ticket:
    """A variant in the demo's own shorthand: price in minor units, a quota of its own or none."""

    name: str
    price: int
    quota: int | None = None
    most: int = 10


@dataclass(frozen=True)
class Show:
    """An offer in the demo's own shorthand: starts at these local times on every `every`-th day."""

    name: str
    description: str
    zone: str
    capacity: int
    starts: tuple[time, ...]
    lasts: timedelta
    tickets: tuple[Ticket, ...]
    currency: str = "EUR"
    every: int = 1
    first: int = 1
    days: int = 14
    terms: SalesTerms = field(default_factory=SalesTerms)


SHOWS = (
    Show(
        name="Museum of Slow Light",
        description="Timed entry to three floors of lamps, lenses and lighthouses.",
        zone="Europe/Lisbon",
        capacity=40,
        starts=(time(10), time(11, 30), time(13), time(14, 30), time(16)),
        lasts=timedelta(hours=1, minutes=30),
        tickets=(Ticket("Adult", 1400), Ticket("Student", 900), Ticket("Child", 0)),
    ),
    Show(
        name="Rooftops after Dark",
        description="A guided walk over the old town's roofs, twelve guests at most.",
        zone="Europe/Lisbon",
        capacity=12,
        starts=(time(21),),
        lasts=timedelta(hours=2),
        tickets=(Ticket("Guest", 3900, most=6),),
        terms=SalesTerms(hold_seconds=600, refund_until_hours=48, late_refund_percent=50),
    ),
    Show(
        name="Lantern Nights Festival",
        description="Three stages on the river for a weekend.",
        zone="Europe/Berlin",
        capacity=5_000,
        starts=(time(16),),
        lasts=timedelta(hours=9),
        every=7,
        first=5,
        days=28,
        tickets=(
            Ticket("Standard", 6900, quota=16_000),
            Ticket("VIP", 18_900, quota=300),
            Ticket("Crew guest", 0, quota=40, most=2),
        ),
    ),
    Show(
        name="Open House",
        description="One evening a week the doors are open and entry is free. Places are not.",
        zone="Europe/Lisbon",
        capacity=80,
        starts=(time(18),),
        lasts=timedelta(hours=3),
        every=7,
        first=3,
        days=28,
        tickets=(Ticket("Visitor", 0, most=4),),
    ),
    Show(
        name="Lisbon – Funchal, evening flight",
        description="LH 1872 by turboprop, fares by flexibility.",
        zone="Europe/Lisbon",
        capacity=72,
        starts=(time(19, 40),),
        lasts=timedelta(hours=1, minutes=50),
        every=2,
        tickets=(
            Ticket("Light", 8_900, most=9),
            Ticket("Flex", 14_900, most=9),
            Ticket("Front row", 21_900, quota=56, most=4),
        ),
        terms=SalesTerms(
            hold_seconds=1200,
            refund_until_hours=72,
            late_refund_percent=20,
            passengers=PassengerRule.DOMESTIC,
            consents=(
                ConsentText(
                    code="dangerous_goods", version="2026-01", text="I carry nothing that burns or explodes."
                ),
                ConsentText(code="carriage", version="3", text="I accept the conditions of carriage."),
            ),
        ),
    ),
    Show(
        name="Kyoto Paper Workshop",
        description="Fold, cut and light a paper lantern with its maker.",
        zone="Asia/Tokyo",
        capacity=8,
        starts=(time(10), time(15)),
        lasts=timedelta(hours=2),
        currency="JPY",
        every=3,
        tickets=(Ticket("Place at the table", 6_800, most=4),),
    ),
    Show(
        name="The Keeper's Table",
        description="The lighthouse keeper cooks for six, and says yes or no to every guest.",
        zone="Europe/Lisbon",
        capacity=6,
        starts=(time(20),),
        lasts=timedelta(hours=3),
        tickets=(Ticket("Chair", 5_500, most=4),),
        terms=SalesTerms(partner_accepts=True, partner_seconds=3_600),
    ),
    Show(
        name="A Week on Lantern Island",
        description="Seven days off the grid: 30 % confirms it, in one payment or in parts.",
        zone="Europe/Lisbon",
        capacity=10,
        starts=(time(12),),
        lasts=timedelta(days=7),
        every=7,
        first=2,
        days=28,
        tickets=(Ticket("Bed", 42_000, most=2),),
        terms=SalesTerms(hold_seconds=1800, deposit_percent=30, parts=True),
    ),
    Show(
        name="Harbour Symphony",
        description="Forty ships' horns and an orchestra, on sale early enough for direct debits.",
        zone="Europe/Lisbon",
        capacity=900,
        starts=(time(19),),
        lasts=timedelta(hours=2),
        every=14,
        first=4,
        days=56,
        tickets=(Ticket("Quay", 2_400), Ticket("Grandstand", 5_900, quota=400)),
    ),
    Show(
        name="Last Lantern Boat",
        description="Boarding now: who does not pay within twelve seconds stays ashore.",
        zone="Europe/Lisbon",
        capacity=60,
        starts=(time(22, 30),),
        lasts=timedelta(hours=1),
        tickets=(Ticket("Passenger", 1900, most=6),),
        terms=SalesTerms(hold_seconds=12),
    ),
)

# Who takes the money; the first where nobody says otherwise.
PROVIDERS = ("stripe", "adyen", "paypal", "cash")


async def load(connection: Connection, now: datetime) -> dict[str, object]:
    """Write the organizer and its catalogue as of `now`; gives their ids and keys."""
    await tenant.put(
        connection,
        TENANT,
        name="Lanternhouse",
        slug="lanternhouse",
        reference_pattern="BK-{year}-{number:6}",
        ticket_pattern="HB-{year}-{number:6}",
    )
    for source, key in CHANNELS.items():
        channel = Channel(
            id=ChannelId(_id(source)), tenant_id=TENANT, name=f"Lanternhouse {source}", source=source
        )
        await tenant.put_channel(connection, channel, key)
    for provider in PROVIDERS:
        account = Account(provider=provider, name="default", mode="test")
        await tenant.put_account(connection, TENANT, account, preferred=provider == PROVIDERS[0])
    offers = [await _load_show(connection, show, position, now) for position, show in enumerate(SHOWS)]
    return {
        "tenant_id": str(TENANT),
        "publishable_key": CHANNELS["web"],
        "channels": CHANNELS,
        "offers": offers,
    }


async def _load_show(connection: Connection, show: Show, position: int, now: datetime) -> dict[str, object]:
    offer = Offer(
        id=OfferId(_id(show.name)),
        tenant_id=TENANT,
        name=show.name,
        description=show.description,
        currency=show.currency,
        terms=show.terms,
    )
    await catalog.put_offer(connection, offer, zone=show.zone, position=position)
    variants, slots = list(_variants(show)), list(_slots(show, now))
    for place, (variant, quota) in enumerate(variants):
        await catalog.put_variant(connection, TENANT, variant, quota=quota, position=place)
    for slot in slots:
        await catalog.put_slot(connection, TENANT, slot, capacity=show.capacity)
    return {
        "offer_id": str(offer.id),
        "name": offer.name,
        "currency": offer.currency,
        "hold_seconds": offer.terms.hold_seconds,
        "partner_accepts": offer.terms.partner_accepts,
        "deposit_percent": offer.terms.deposit_percent,
        "slots": [{"slot_id": str(slot.id), "starts_at": slot.starts_at.isoformat()} for slot in slots],
        "variants": [
            {"variant_id": str(variant.id), "name": variant.name, "price_minor": variant.price.minor}
            for variant, _ in variants
        ],
    }


def _variants(show: Show) -> Iterator[tuple[Variant, int | None]]:
    for ticket in show.tickets:
        variant = Variant(
            id=VariantId(_id(show.name, ticket.name)),
            offer_id=OfferId(_id(show.name)),
            name=ticket.name,
            price=Money(minor=ticket.price, currency=show.currency),
            max_quantity=ticket.most,
            quota_id=CounterId(_id(show.name, ticket.name, "quota")) if ticket.quota else None,
        )
        yield variant, ticket.quota


def _slots(show: Show, now: datetime) -> Iterator[Slot]:
    """Give the slots of the coming days: a day has the same slots whenever the demo is loaded."""
    today = now.astimezone(ZoneInfo(show.zone)).date()
    for ahead in range(show.days):
        day = today + timedelta(days=ahead)
        if (day - date(2024, 1, 1)).days % show.every != show.first % show.every:
            continue
        for start in show.starts:
            starts_at = datetime.combine(day, start, ZoneInfo(show.zone)).astimezone(UTC)
            if starts_at <= now + SOONEST:
                continue
            yield Slot(
                id=SlotId(_id(show.name, starts_at.isoformat())),
                offer_id=OfferId(_id(show.name)),
                starts_at=starts_at,
                ends_at=starts_at + show.lasts,
                zone=show.zone,
                sales_until=starts_at,
            )


def _id(*names: str) -> UUID:
    return uuid5(TENANT, "/".join(names))


async def main(url: str) -> None:
    """Load the demo into the database at `url` and print what was loaded."""
    database = await Database.connect(url, size=1)
    try:
        async with database.tenant(TENANT) as connection:
            loaded = await load(connection, datetime.now(UTC))  # noqa: TID251 - here it is read
    finally:
        await database.close()
    sys.stdout.write(json.dumps(loaded) + "\n")


if __name__ == "__main__":
    asyncio.run(main(os.environ["DATABASE_APP_URL"]))
