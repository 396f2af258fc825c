"""Whom operators keep from booking and paying, and why: a user by id, or the address a payment came from.

Addresses are known by their keyed hash alone: an operator names a payment and never sees where it came from.
"""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from api import problem
from api.body import StrictRoute
from api.deps import Caller, Parts
from api.operator.desk import ADMIN, NOS, Operator, Words, at_desk, note
from api.shape import Answer, Instant, Shape, example
from db import limit
from db.limit import Block
from db.session import Connection
from domain.ids import PaymentId
from domain.limit import BlockKind
from domain.refusal import Forbidden, Unauthenticated, Unknown

router = APIRouter(route_class=StrictRoute, prefix=ADMIN, tags=["operators"])

UserId = Annotated[str, Field(min_length=1, max_length=200)]


class BlockWish(Shape):
    """Whom to block: a user, or the address that a payment was asked for from; and why."""

    model_config = example(user_id="u-4711", reason="Five stolen cards in an hour.")

    user_id: UserId | None = None
    payment_id: UUID | None = None
    reason: Words

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.user_id is None) == (self.payment_id is None):
            raise PydanticCustomError("invalid", "Either user_id or payment_id, and not both.")
        return self


class BlockAnswer(Answer):
    """Somebody who may neither book nor pay; of an address `subject` is its hash."""

    kind: BlockKind
    subject: str
    reason: str
    blocked_by: str
    blocked_at: Instant

    @classmethod
    def of(cls, block: Block) -> Self:
        """Write what is shown of a block."""
        return cls(**block._asdict())


class BlockList(Answer):
    """Everybody who is blocked, the newest first, at most 200."""

    items: tuple[BlockAnswer, ...]


@router.get("/blocks", responses=problem.answers(Unauthenticated, Forbidden, also=()))
async def list_blocks(parts: Parts, caller: Operator) -> BlockList:
    """List who is blocked, by whom and why."""
    async with at_desk(parts, caller) as connection:
        found = await limit.blocks(connection, caller.tenant_id)
    return BlockList(items=tuple(map(BlockAnswer.of, found)))


@router.post("/blocks", status_code=201, responses=problem.answers(Unauthenticated, Forbidden, Unknown))
async def block(parts: Parts, caller: Operator, wish: BlockWish) -> BlockAnswer:
    """Block a user, or the address of a payment of the last day; a repeat changes the reason.

    Tokens that were shown before go on working for a minute.
    """
    async with at_desk(parts, caller) as connection:
        kind, subject = await _meant(connection, caller, wish)
        await limit.block(connection, caller.tenant_id, kind, subject, reason=wish.reason, by=caller.name)
        await _note(connection, caller, "block.set", kind, subject, wish.reason)
        found = await limit.blocks(connection, caller.tenant_id, subject=subject)
    return BlockAnswer.of(found[0])


@router.delete("/blocks/{kind}/{subject}", status_code=204, responses=NOS)
async def unblock(parts: Parts, caller: Operator, kind: BlockKind, subject: UserId) -> Response:
    """Take a block back; 404 when there is none."""
    async with at_desk(parts, caller) as connection:
        if not await limit.unblock(connection, caller.tenant_id, kind, subject):
            raise Unknown
        await _note(connection, caller, "block.lifted", kind, subject, None)
    return Response(status_code=204)


async def _meant(connection: Connection, caller: Caller, wish: BlockWish) -> tuple[BlockKind, str]:
    """Find whom a wish means. Refuses Unknown for a payment whose address is not known any more."""
    if wish.payment_id is None:
        return BlockKind.USER, wish.user_id or ""
    address = await limit.address_of(connection, caller.tenant_id, PaymentId(wish.payment_id))
    if address is None:
        raise Unknown
    return BlockKind.ADDRESS, address


async def _note(
    connection: Connection, caller: Caller, action: str, kind: BlockKind, subject: str, reason: str | None
) -> None:
    after: dict[str, JsonValue] = {"kind": kind.value, "subject": subject, "reason": reason}
    await note(connection, caller, action, caller.tenant_id, after=after)
