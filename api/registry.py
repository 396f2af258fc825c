"""Which methods of payment a buyer may choose from: what providers offer, by the organizer's accounts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import JsonValue

from api import problem
from api.deps import BASE, Caller, House, Now, Parts, Permission, may
from api.passenger import Country
from api.route import usable
from api.shape import MOST_MINOR, Answer
from db import route as routes, tenant
from domain.catalog import Slot
from domain.ids import OfferId, TenantId
from domain.refusal import Forbidden, InvalidRequest, Unauthenticated, Unknown
from domain.registry import METHODS, MethodKind, PaymentMethod
from domain.route import Purchase, route

router = APIRouter(prefix=f"{BASE}/payment-methods", tags=["payments"])

Buyer = Annotated[Caller, may(Permission.SEE_CATALOGUE)]
Currency = Annotated[str, Query(pattern=r"^[A-Z]{3}$", description="ISO 4217", examples=["EUR"])]


class AvailableMethod(Answer):
    """A method that may be paid with, and who takes it, first whom a payment would go to.

    `two_steps`: money may be authorised first and taken later. `recurring`: it may be stored. One that
    settles late may take `settles_within_days`; tickets are given out then.
    """

    id: str
    name: str
    kind: MethodKind
    brands: tuple[str, ...]
    providers: tuple[str, ...]
    two_steps: bool
    refunds: bool
    partial_refunds: bool
    recurring: bool
    settles_within_days: int | None


class AvailableMethods(Answer):
    """What a buyer may choose from."""

    items: tuple[AvailableMethod, ...]


@router.get("/available", responses=problem.answers(Unauthenticated, Forbidden, Unknown))
async def list_available(
    parts: Parts,
    caller: Buyer,
    currency: Currency,
    now: Now,
    country: Annotated[Country | None, Query(description="the buyer's")] = None,
    minor: Annotated[
        int | None,
        Query(ge=1, le=MOST_MINOR, description="the amount, in minor units: some methods have limits"),
    ] = None,
    offer_id: Annotated[UUID | None, Query(description="what is bought: its own way to pay counts")] = None,
    slot_id: Annotated[
        UUID | None, Query(description="leaves out what settles after its sale is over")
    ] = None,
) -> AvailableMethods:
    """List the methods to pay with in a currency, from a country (else from anywhere)."""
    slot = await _slot(parts, caller.tenant_id, offer_id, slot_id)
    async with parts.database.tenant(caller.tenant_id) as connection:
        rules = await routes.rules(connection, caller.tenant_id)
        all_accounts = await tenant.accounts(connection, caller.tenant_id)
    accounts, drawers = usable(parts, all_accounts), usable(parts, all_accounts, cash=True)
    found = []
    for method in METHODS:
        if not method.serves(country, currency, minor) or not _settles_in_time(method, slot, now):
            continue
        offer = OfferId(offer_id) if offer_id else None
        wanted = Purchase(offer_id=offer, currency=currency, minor=minor, country=country, method=method.id)
        ways = route(wanted, rules, accounts)
        if caller.may(Permission.TAKE_CASH):
            ways += tuple(drawers)
        providers = dict.fromkeys(way.provider for way in ways if way.provider in method.providers)
        if providers:
            found.append(_answer(method, tuple(providers)))
    return AvailableMethods(items=tuple(found))


async def _slot(
    parts: House, tenant_id: TenantId, offer_id: UUID | None, slot_id: UUID | None
) -> Slot | None:
    if slot_id is None:
        return None
    if offer_id is None:
        error: JsonValue = {"parameter": "offer_id", "code": "missing", "detail": "A slot is an offer's."}
        raise InvalidRequest("The query breaks a rule.", errors=[error])
    return (await parts.sale(tenant_id, offer_id, slot_id)).slot


def _settles_in_time(method: PaymentMethod, slot: Slot | None, now: datetime) -> bool:
    within = method.settles_within
    return within is None or slot is None or now + within <= slot.sales_until


def _answer(method: PaymentMethod, providers: tuple[str, ...]) -> AvailableMethod:
    return AvailableMethod(
        **method.model_dump(
            include={"id", "name", "kind", "brands", "refunds", "partial_refunds", "recurring"}
        ),
        providers=providers,
        two_steps=method.holds,
        settles_within_days=method.settles_within.days if method.settles_within else None,
    )
