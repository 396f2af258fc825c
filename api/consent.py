"""What a buyer agrees to before paying: which text in which version, when, and from where. Said once."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from api import problem
from api.access import Named, theirs
from api.body import StrictRoute
from api.deps import BASE, Caller, Parts, Permission, may
from api.shape import Answer, Code, Instant, Shape, example
from db import checkout, consent as consents
from domain.catalog import SalesTerms
from domain.consent import Agreement, ConsentText, faults
from domain.refusal import (
    BookingEnded,
    Forbidden,
    HoldEnded,
    IllegalMove,
    InvalidRequest,
    Unauthenticated,
    Unknown,
)

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/bookings", tags=["bookings"])


class ConsentWish(Shape):
    """Which text is agreed to; its version is the one that was read."""

    code: Code
    version: Annotated[str, Field(min_length=1, max_length=40)]


ConsentWishes = Annotated[tuple[ConsentWish, ...], Field(max_length=20)]


class ConsentsWish(Shape):
    """What is agreed to."""

    model_config = example(consents=[{"code": "dangerous_goods", "version": "2026-01"}])

    consents: Annotated[ConsentWishes, Field(min_length=1)]


class TextAnswer(Answer):
    """A text that has to be agreed to before paying."""

    code: str
    version: str
    text: str


class AgreementAnswer(Answer):
    """What was agreed to, and when."""

    code: str
    version: str
    agreed_at: Instant


class AgreementPage(Answer):
    """All that was agreed to for a booking, the first first."""

    items: tuple[AgreementAnswer, ...]


@router.get("/{booking}/consents", responses=problem.answers(Unauthenticated, Forbidden, Unknown, also=()))
async def list_consents(
    parts: Parts, caller: Annotated[Caller, may(Permission.READ_BOOKING)], booking: Named
) -> AgreementPage:
    """List what was agreed to."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.READ_BOOKING, booking)
        return _page(await consents.of_booking(connection, found.tenant_id, found.id))


@router.post(
    "/{booking}/consents",
    status_code=201,
    responses=problem.answers(Unauthenticated, Forbidden, Unknown, IllegalMove, HoldEnded, BookingEnded),
)
async def agree(
    request: Request,
    parts: Parts,
    caller: Annotated[Caller, may(Permission.CHANGE)],
    booking: Named,
    wish: ConsentsWish,
) -> AgreementPage:
    """Agree to texts of the booking's terms, before a payment starts; what was agreed before stays."""
    async with parts.database.tenant(caller.tenant_id) as connection:
        found = await theirs(connection, caller, Permission.CHANGE, booking)
        said = agreed(wish.consents, found.terms)
        await checkout.lock(connection, found.tenant_id, found.id)
        address = parts.limits.client(request)
        await consents.write(connection, found.tenant_id, found.id, said, address=address)
        return _page(await consents.of_booking(connection, found.tenant_id, found.id))


def agreed(wishes: Sequence[ConsentWish], terms: SalesTerms) -> tuple[ConsentText, ...]:
    """Give the texts of the terms that are agreed to. Refuses InvalidRequest for another text or version."""
    said = [(wish.code, wish.version) for wish in wishes]
    if errors := faults(said, terms.consents):
        raise InvalidRequest("The consents break a rule.", errors=errors)
    codes = {code for code, _ in said}
    return tuple(text for text in terms.consents if text.code in codes)


def texts(terms: SalesTerms) -> tuple[TextAnswer, ...]:
    """Show what has to be agreed to under these terms."""
    return tuple(TextAnswer(**text.model_dump()) for text in terms.consents)


def _page(agreements: Sequence[Agreement]) -> AgreementPage:
    return AgreementPage(
        items=tuple(AgreementAnswer(**each.model_dump(exclude={"address"})) for each in agreements)
    )
