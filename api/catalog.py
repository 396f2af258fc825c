"""What can be bought and what is left of it, for everybody who shows a publishable key."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import problem
from api.body import StrictRoute
from api.consent import TextAnswer, texts
from api.deps import BASE, Caller, Now, Parts, Permission, may
from api.shape import Answer, Instant, Limit, Shape, WrittenInstant
from db import catalog
from db.catalog import VariantLeft
from domain.catalog import SHOWN, Offer, SaleStatus
from domain.ids import OfferId
from domain.money import Money
from domain.passenger import PassengerRule
from domain.refusal import Forbidden, Unauthenticated, Unknown

# How far ahead slots are listed when nobody says otherwise.
AHEAD = timedelta(days=366)
# No instant lies behind this one.
LAST = datetime.max.replace(tzinfo=UTC)

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/offers", tags=["catalogue"])
Looker = Annotated[Caller, may(Permission.SEE_CATALOGUE)]
NOS = problem.answers(Unauthenticated, Forbidden, Unknown, also=())


class OfferAnswer(Answer):
    """What is bookable; `hold_seconds` is the time to pay."""

    id: UUID
    name: str
    description: str
    currency: str
    on_sale: bool
    hold_seconds: int


class OfferPage(Answer):
    """The organizer's offers, in the organizer's order."""

    items: tuple[OfferAnswer, ...]


class VariantAnswer(Answer):
    """What is priced; `left` is nothing where only the slot limits it."""

    id: UUID
    name: str
    price: Money
    on_sale: bool
    min_quantity: int
    max_quantity: int
    left: int | None


class OfferDetail(OfferAnswer):
    """An offer with its variants, and what a buyer is asked for before paying."""

    passengers: PassengerRule
    consents: tuple[TextAnswer, ...]
    billing_address: bool
    variants: tuple[VariantAnswer, ...]


class SlotAnswer(Answer):
    """When it takes place and how many places anybody may take now."""

    id: UUID
    starts_at: Instant
    ends_at: Instant
    zone: str
    on_sale: bool
    sales_until: Instant
    left: int


class SlotPage(Answer):
    """Slots by their start; what follows starts at `next_from`."""

    items: tuple[SlotAnswer, ...]
    next_from: Instant | None


class SlotFilter(Shape):
    """Which slots: those that start in [`from`, `to`)."""

    since: Annotated[WrittenInstant | None, Field(alias="from")] = None
    until: Annotated[WrittenInstant | None, Field(alias="to")] = None
    limit: Limit = 50


@router.get("", responses=problem.answers(Unauthenticated, Forbidden, also=()))
async def list_offers(parts: Parts, caller: Looker) -> OfferPage:
    """List the offers that are shown to buyers."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        offers = await catalog.offers(connection, caller.tenant_id)
    return OfferPage(items=tuple(map(_offer, offers)))


@router.get("/{offer_id}", responses=NOS)
async def read_offer(parts: Parts, caller: Looker, offer_id: UUID) -> OfferDetail:
    """Show an offer with its variants and what is left of each."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        offer = shown(await catalog.offer(connection, caller.tenant_id, OfferId(offer_id)))
        variants = await catalog.variants(connection, caller.tenant_id, offer.id)
    return OfferDetail(
        **_offer(offer).model_dump(),
        passengers=offer.terms.passengers,
        consents=texts(offer.terms),
        billing_address=offer.terms.billing_address,
        variants=_variants(variants),
    )


@router.get("/{offer_id}/slots", responses=NOS)
async def list_slots(
    parts: Parts, caller: Looker, now: Now, offer_id: UUID, wanted: Annotated[SlotFilter, Query()]
) -> SlotPage:
    """List an offer's slots with the places left, from now on unless asked otherwise."""
    since = wanted.since or now
    until = wanted.until or since + min(AHEAD, LAST - since)
    async with parts.database.tenant(caller.tenant_id) as connection:
        offer = shown(await catalog.offer(connection, caller.tenant_id, OfferId(offer_id)))
        found = await catalog.slots(
            connection, caller.tenant_id, offer.id, since=since, until=until, limit=wanted.limit + 1
        )
    more = found[wanted.limit].slot.starts_at if len(found) > wanted.limit else None
    answers = (
        SlotAnswer(
            **each.slot.model_dump(include={"id", "starts_at", "ends_at", "zone", "sales_until"}),
            on_sale=each.slot.on_sale(now),
            left=max(0, each.left),
        )
        for each in found[: wanted.limit]
    )
    return SlotPage(items=tuple(answers), next_from=more)


def shown(offer: Offer) -> Offer:
    """Give an offer that buyers may see; a draft is not there. Refuses Unknown."""
    if offer.status not in SHOWN:
        raise Unknown
    return offer


def _offer(offer: Offer) -> OfferAnswer:
    return OfferAnswer(
        **offer.model_dump(include={"id", "name", "description", "currency"}),
        on_sale=offer.status is SaleStatus.LIVE,
        hold_seconds=offer.terms.hold_seconds,
    )


def _variants(found: Sequence[VariantLeft]) -> tuple[VariantAnswer, ...]:
    return tuple(
        VariantAnswer(
            **each.variant.model_dump(include={"id", "name", "price", "min_quantity", "max_quantity"}),
            on_sale=each.variant.status is SaleStatus.LIVE,
            left=None if each.left is None else max(0, each.left),
        )
        for each in found
        if each.variant.status in SHOWN
    )
