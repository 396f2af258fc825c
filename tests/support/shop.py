"""An organizer with something to sell, written straight into the database, for tests below the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid4, uuid7

from db import catalog, tenant
from db.booking import change
from db.booking.place import Placement
from db.booking.read import Booking, Contact
from db.idempotency import Key
from db.inventory import wait
from db.payment import attempt, fold
from db.session import Database
from db.tenant import Account, Channel
from domain.catalog import Offer, SalesTerms, Slot, Variant
from domain.ids import BookingId, ChannelId, CounterId, OfferId, PaymentId, SlotId, TenantId, VariantId
from domain.inventory import KeepPlaces, Kept, places_wanted
from domain.money import Money
from domain.payment import CreatePayment, FactKind, FactSource, PaymentFact, StartPayment
from domain.pricing import Choice, price
from tests.support.database import Urls, superuser

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

    async def prefer(self, provider: str) -> None:
        """Have payments go through an account at another provider, where nobody says otherwise."""
        async with self.app.tenant(self.tenant_id) as connection:
            for each in ("stripe", provider):
                account = Account(provider=each, name="default", mode="test")
                await tenant.put_account(connection, self.tenant_id, account, preferred=each == provider)

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


async def let_time_pass(urls: Urls, booking_id: BookingId, *, kept_for: timedelta = timedelta(0)) -> None:
    """Make a booking's deadline lie a minute back, and its places kept from now for `kept_for`."""
    async with superuser(urls) as judge:
        await judge.execute(
            """
            update holds
               set expires_at = now() - interval '1 minute', kept_until = now() - interval '1 second' + $2
             where booking_id = $1 and status = 'active'
            """,
            booking_id,
            kept_for,
        )
        await judge.execute(
            """
            update bookings
               set expires_at = now() - interval '1 minute', next_at = now() - interval '1 minute'
             where id = $1
            """,
            booking_id,
        )


async def pay(
    payment: Database,
    booking: Booking,
    *,
    minor: int | None = None,
    kind: FactKind = FactKind.CAPTURED,
    operation: str | None = None,
) -> PaymentId:
    """Write a payment of the booking and what its provider says of it; captured in full by default."""
    payment_id = PaymentId(uuid7())
    ask = CreatePayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        reference=booking.reference,
        wish=StartPayment(
            payment_id=payment_id,
            provider="stripe",
            account="default",
            amount=booking.due,
            return_url="https://shop.example/back",
        ),
    )
    async with payment.tenant(booking.tenant_id) as connection:
        await attempt.create(connection, ask)
        fact = fact_of(booking, payment_id, kind, minor=minor, operation=operation)
        await fold.record(connection, booking.tenant_id, payment_id, [fact])
    return payment_id


def fact_of(
    booking: Booking,
    payment_id: PaymentId,
    kind: FactKind,
    *,
    minor: int | None = None,
    operation: str | None = None,
) -> PaymentFact:
    """Make what a provider says of a payment; the whole amount unless said."""
    moves = kind in (FactKind.CAPTURED, FactKind.AUTHORIZED, FactKind.REFUNDED, FactKind.REFUND_FAILED)
    amount = Money(minor=booking.due.minor if minor is None else minor, currency=booking.due.currency)
    return PaymentFact(
        event_id=f"evt_{uuid4().hex}",
        provider="stripe",
        account="default",
        payment_id=payment_id,
        kind=kind,
        provider_ref=f"pi_{payment_id.hex}",
        operation=operation or f"{kind.value}_{payment_id.hex}",
        amount=amount if moves else None,
        occurred_at=NEXT_WEEK,
        source=FactSource.WEBHOOK,
    )


async def keep(app: Database, booking: Booking, **changes: Any) -> Kept:
    """Keep the places of a booking for a payment, which makes it await that payment."""
    ask = KeepPlaces(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=PaymentId(uuid7()),
        grace=timedelta(minutes=2),
    )
    async with app.tenant(booking.tenant_id) as connection:
        return await wait.keep_places(connection, ask.model_copy(update=changes))


def choice(shop: Shop, quantity: int, **changes: Any) -> change.Choice:
    """Choose so many of a variant of the shop, instead of what was booked."""
    variants = {variant.id: variant for variant in shop.variants}
    wanted = [Choice(variant_id=each.id, quantity=quantity) for each in changes.pop("of", [shop.variant])]
    lines, total = price(wanted, variants, shop.offer.currency)
    slot = changes.pop("slot", shop.slot)
    return change.Choice(
        slot_id=slot.id,
        starts_at=slot.starts_at,
        lines=lines,
        wanted=places_wanted(lines, slot, variants),
        total=total,
        due=total,
        summary="changed",
    ).model_copy(update=changes)
