"""What came to our own accounts at banks, and what went: operators read the statements, and say it here.

A line is told once, under the bank's own name for it; a repeat changes nothing, and another line under that
name is refused. What a line means is found out later, as of anything that a provider tells.
"""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, JsonValue, StringConstraints

from api import problem
from api.body import StrictRoute
from api.deps import Caller, Parts, fingerprint
from api.operator.desk import ADMIN, Operator, at_desk, note
from api.shape import Answer, MoneyShape, Shape, WrittenInstant, example
from db import case, idempotency, webhook as inbox
from db.idempotency import Key
from db.payment import read as payments
from db.refund import read as refunds
from db.relay import TELL_FACTS
from db.session import Connection
from db.webhook import Delivery
from domain.bank import BANK, is_sound, without_blanks
from domain.case import CaseKind
from domain.ids import BookingId, RefundId
from domain.money import Money
from domain.refusal import Forbidden, IllegalMove, InvalidRequest, KeyReused, Unauthenticated, Unknown
from providers.bank import Line, LineKind
from providers.credential import ACCOUNT, NAME

router = APIRouter(route_class=StrictRoute, prefix=ADMIN, tags=["operators"])

NOS = problem.answers(Unauthenticated, Forbidden, Unknown, IllegalMove)

LineName = Annotated[str, Field(pattern=r"^[!-~]{1,100}$", description="The bank's own for this line")]


class ReceiptWish(Shape):
    """Money that came: a line of the statement of `account`, and the `reference` that it names."""

    model_config = example(
        line="2026-11-24/0017",
        reference="RF49 2Q7M ZK3V 9B5D XW4T",
        amount={"minor": 2500, "currency": "EUR"},
        booked_at="2026-11-24T00:00:00Z",
    )

    account: Annotated[str, Field(pattern=NAME)] = ACCOUNT
    line: LineName
    reference: Annotated[str, StringConstraints(min_length=5, max_length=40)]
    amount: MoneyShape
    booked_at: WrittenInstant


class TransferWish(Shape):
    """A refund that was ordered at the bank, and has left our account with this line of its statement."""

    model_config = example(line="2026-12-01/0003", booked_at="2026-12-01T00:00:00Z")

    line: LineName
    booked_at: WrittenInstant


class LineAnswer(Answer):
    """A line that was taken, and what it is about; of money that came `asked` is what was to come."""

    line: str
    payment_id: UUID
    booking_id: UUID
    amount: Money
    asked: Money
    booked_at: datetime

    @classmethod
    def of(cls, line: Line, *, booking_id: BookingId, asked: Money) -> Self:
        """Say what was taken."""
        return cls(
            line=line.name,
            payment_id=line.payment_id,
            booking_id=booking_id,
            amount=line.amount,
            asked=asked,
            booked_at=line.booked_at,
        )


@router.post("/bank-receipts", status_code=201, responses=NOS)
async def tell_receipt(parts: Parts, caller: Operator, wish: ReceiptWish) -> LineAnswer:
    """Say that money came by a transfer. Another amount than was to come, or a second transfer, counts as
    from any provider: a person is told.
    """
    reference = without_blanks(wish.reference)
    if not is_sound(reference):
        raise _broken("/reference", "misspelt", "The check digits of this reference are wrong.")
    async with at_desk(parts, caller) as connection:
        payment = await payments.of_transfer(connection, caller.tenant_id, wish.account, reference)
        if payment is None:
            raise _broken("/reference", "unknown", "No transfer to this account names this reference.")
        line = Line(
            name=wish.line,
            kind=LineKind.RECEIPT,
            tenant_id=caller.tenant_id,
            payment_id=payment.id,
            amount=wish.amount.money(),
            booked_at=wish.booked_at,
            live=parts.rules.live,
        )
        await _taken(connection, caller, wish.account, line, once=line.name)
    parts.waker.wake(TELL_FACTS)
    return LineAnswer.of(line, booking_id=payment.booking_id, asked=payment.amount)


@router.post("/refunds/{refund_id}/transferred", status_code=201, responses=NOS)
async def tell_transfer(parts: Parts, caller: Operator, refund_id: UUID, wish: TransferWish) -> LineAnswer:
    """Say that a refund which is owed by transfer has left our account; its case is closed with it.

    Refuses IllegalMove for one that goes back another way, or is final already.
    """
    async with at_desk(parts, caller) as connection:
        refund = await refunds.find(connection, caller.tenant_id, RefundId(refund_id))
        line = Line(
            name=wish.line,
            kind=LineKind.REFUND,
            tenant_id=caller.tenant_id,
            payment_id=refund.payment_id,
            refund_id=refund.id,
            amount=refund.amount,
            booked_at=wish.booked_at,
            live=parts.rules.live,
        )
        fresh = await _taken(connection, caller, refund.account, line, once=str(refund.id))
        if refund.provider != BANK or (fresh and refund.status.is_final):
            raise IllegalMove(
                "This refund is not owed by transfer.", status=refund.status.value, trigger="transfer"
            )
        await case.close(
            connection,
            caller.tenant_id,
            refund.id,
            closed_by=caller.name,
            note=f"transferred: {line.name}",
            kind=CaseKind.REFUND,
        )
    parts.waker.wake(TELL_FACTS)
    return LineAnswer.of(line, booking_id=refund.booking_id, asked=refund.amount)


async def _taken(connection: Connection, caller: Caller, account: str, line: Line, *, once: str) -> bool:
    """Store a line in the inbox, and who told it; says whether it is new. What it tells is told `once`.

    Refuses InvalidRequest for something else that was told under the same name.
    """
    used = Key(
        caller=f"{BANK}/{account}", route=line.kind.value, key=once, fingerprint=fingerprint(BANK, line)
    )
    try:
        claim = await idempotency.claim(connection, caller.tenant_id, used, line.payment_id)
    except KeyReused:
        raise _broken("/line", "used", "Something else was told of it before.") from None
    if not claim.fresh:
        return False
    delivery = Delivery(
        BANK, account, line.name, line.kind.value, line.booked_at, line.written(), about=line.payment_id
    )
    if not await inbox.store(connection, [delivery]):
        raise _broken("/line", "used", "Another line of this name was told before.")
    after = line.model_dump(mode="json", include={"name", "amount", "booked_at", "refund_id"})
    await note(connection, caller, f"bank.{line.kind.value}", line.payment_id, after=after)
    return True


def _broken(pointer: str, code: str, detail: str) -> InvalidRequest:
    error: JsonValue = {"pointer": pointer, "code": code, "detail": detail}
    return InvalidRequest("The line breaks a rule.", errors=[error])
