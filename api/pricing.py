"""Quotes: what a choice costs, and that we stand by it for a while."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from uuid_utils.compat import uuid7

from api import problem
from api.body import StrictRoute
from api.catalog import shown
from api.deps import BASE, Caller, Now, Parts, Permission, may
from api.shape import Answer, Instant, Quantity, Shape, example
from db import catalog, pricing as quotes
from domain.ids import OfferId, QuoteId, SlotId, VariantId
from domain.money import Money
from domain.pricing import Choice, Line, Quote, price
from domain.refusal import Forbidden, SalesClosed, Unauthenticated, Unknown

VALID = timedelta(minutes=15)

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/quotes", tags=["catalogue"])


class LineWish(Shape):
    """How many of a variant."""

    variant_id: UUID
    quantity: Quantity


Lines = Annotated[tuple[LineWish, ...], Field(min_length=1, max_length=20)]


class QuoteWish(Shape):
    """What to price."""

    model_config = example(
        offer_id="0198c0de-0000-7000-8000-000000000001",
        slot_id="0198c0de-0000-7000-8000-000000000002",
        lines=[{"variant_id": "0198c0de-0000-7000-8000-000000000003", "quantity": 2}],
    )

    offer_id: UUID
    slot_id: UUID
    lines: Lines


class LineAnswer(Answer):
    """One line of a booking or quote, at the price it was accepted with."""

    variant_id: UUID
    name: str
    quantity: int
    unit: Money
    total: Money


class QuoteAnswer(Answer):
    """A price that holds until `expires_at`; it holds no places."""

    id: UUID
    offer_id: UUID
    slot_id: UUID
    lines: tuple[LineAnswer, ...]
    total: Money
    expires_at: Instant


@router.post("", status_code=201, responses=problem.answers(Unauthenticated, Forbidden, Unknown, SalesClosed))
async def quote_choice(
    parts: Parts, caller: Annotated[Caller, may(Permission.SEE_CATALOGUE)], now: Now, wish: QuoteWish
) -> QuoteAnswer:
    """Reckon what a choice costs, and stand by it for a quarter of an hour."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        sale = await catalog.sale(connection, caller.tenant_id, OfferId(wish.offer_id), SlotId(wish.slot_id))
        if not sale.slot.on_sale(now):
            raise SalesClosed("This slot is not on sale.", slot_id=str(wish.slot_id))
        priced, total = price(choices(wish.lines), sale.variants, shown(sale.offer).currency)
        quote = Quote(
            id=QuoteId(uuid7()),
            offer_id=sale.offer.id,
            slot_id=sale.slot.id,
            lines=priced,
            total=total,
            expires_at=now + VALID,
        )
        await quotes.write_quote(connection, caller.tenant_id, quote)
    return QuoteAnswer(**quote.model_dump(exclude={"lines"}), lines=lines(quote.lines))


def choices(lines: Iterable[LineWish]) -> list[Choice]:
    """Give the lines of a request as the rules know them."""
    return [Choice(variant_id=VariantId(line.variant_id), quantity=line.quantity) for line in lines]


def lines(priced: Sequence[Line]) -> tuple[LineAnswer, ...]:
    """Show priced lines."""
    return tuple(
        LineAnswer(
            variant_id=line.variant_id,
            name=line.name,
            quantity=line.quantity,
            unit=line.unit,
            total=line.total,
        )
        for line in priced
    )
