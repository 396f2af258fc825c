"""An organizer with something to sell, written straight into the database, for tests below the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid4, uuid7

from db import catalog, tenant
from db.booking.place import Placement
from db.booking.read import Contact
from db.idempotency import Key
from db.session import Database
from db.tenant import Account, Channel
from domain.catalog import Offer, SalesTerms, Slot, Variant
from domain.ids import BookingId, ChannelId, CounterId, OfferId, SlotId, TenantId, VariantId
from domain.inventory import places_wanted
from domain.money import Money
from domain.pricing import Choice, price

EUR = "EUR"
NEXT_WEEK = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)


@dataclass
class Shop:
    """One tenant with one offer, its slots and variants, and a channel that sells them."""

    app: Database
    tenant_id: TenantId
    channel: Channel
    offer: Offer
    slots: list[Slot] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)

    @property
    def slot(self) -> Slot:
        """The first slot."""
        return self.slots[0]

    @property
    def variant(self) -> Variant:
        """The first variant."""
        return self.variants[0]

    async def add_slot(self, capacity: int, **changes: Any) -> Slot:
        """Put up one more slot."""
        slot = Slot(
            id=SlotId(uuid7()),
            offer_id=self.offer.id,
            starts_at=NEXT_WEEK,
            ends_at=NEXT_WEEK + timedelta(hours=2),
            zone="Europe/Lisbon",
            sales_until=NEXT_WEEK,
        ).model_copy(update=changes)
        async with self.app.tenant(self.tenant_id) as connection:
            await catalog.put_slot(connection, self.tenant_id, slot, capacity=capacity)
        self.slots.append(slot)
        return slot

    async def add_variant(self, minor: int, *, quota: int | None = None, name: str = "Adult") -> Variant:
        """Put up one more variant."""
        variant = Variant(
            id=VariantId(uuid7()),
            offer_id=self.offer.id,
            name=name,
            price=Money(minor=minor, currency=self.offer.currency),
            quota_id=None if quota is None else CounterId(uuid4()),
        )
        async with self.app.tenant(self.tenant_id) as connection:
            position = len(self.variants)
            await catalog.put_variant(connection, self.tenant_id, variant, quota=quota, position=position)
        self.variants.append(variant)
        return variant

    def placement(
        self,
        *,
        quantities: Mapping[VariantId, int] | int = 1,
        slot: Slot | None = None,
        hold_seconds: int = 900,
        key: str | None = None,
        fingerprint: str = "a body",
        **changes: Any,
    ) -> Placement:
        """Make what the door would accept: so many of each variant, priced; 1 of the first by default."""
        if isinstance(quantities, int):
            quantities = {self.variant.id: quantities}
        known = {variant.id: variant for variant in self.variants}
        choices = [Choice(variant_id=variant, quantity=number) for variant, number in quantities.items()]
        lines, total = price(choices, known, self.offer.currency)
        slot = slot or self.slot
        placement = Placement(
            tenant_id=self.tenant_id,
            booking_id=BookingId(uuid7()),
            channel_id=self.channel.id,
            source=self.channel.source,
            offer_id=self.offer.id,
            slot_id=slot.id,
            starts_at=slot.starts_at,
            lines=lines,
            wanted=places_wanted(lines, slot, known),
            total=total,
            due=total,
            terms=self.offer.terms,
            hold_seconds=hold_seconds if total else None,
            summary=f"{sum(quantities.values())} × {self.offer.name}",
            contact=Contact(name="Ada Lovelace", email=f"{uuid4().hex}@example.com"),
            key=None
            if key is None
            else Key(caller="test", route="bookings", key=key, fingerprint=fingerprint),
        )
        return placement.model_copy(update=changes)


async def open_shop(
    app: Database,
    *,
    capacity: int = 10,
    minor: int = 2_500,
    currency: str = EUR,
    terms: SalesTerms | None = None,
) -> Shop:
    """Make a tenant that sells one offer with one slot and one variant."""
    tenant_id = TenantId(uuid7())
    channel = Channel(id=ChannelId(uuid7()), tenant_id=tenant_id, name="Shop", source="web")
    offer = Offer(
        id=OfferId(uuid7()),
        tenant_id=tenant_id,
        name="Guided tour",
        currency=currency,
        terms=terms or SalesTerms(),
    )
    async with app.tenant(tenant_id) as connection:
        await tenant.put(connection, tenant_id, name="Organizer", slug=tenant_id.hex)
        await tenant.put_channel(connection, channel, f"pk_test_{tenant_id.hex}")
        account = Account(provider="stripe", name="default", mode="test")
        await tenant.put_account(connection, tenant_id, account, preferred=True)
        await catalog.put_offer(connection, offer, zone="Europe/Lisbon")
    shop = Shop(app, tenant_id, channel, offer)
    await shop.add_slot(capacity)
    await shop.add_variant(minor)
    return shop
