"""Transfers: money moved from an account's balance to a payee's, and taken back."""

from dataclasses import dataclass, field
from typing import ClassVar

from sandbox import ledger
from sandbox.payee import Payee, purse
from sandbox.payment import Attempt
from sandbox.record import Record
from sandbox.work import Work


class TooLittle(Exception):
    """Raised when a balance has less available than is to be moved; nothing has changed."""


class TooMuch(Exception):
    """Raised when more is to be moved than there is of what it comes from; nothing has changed."""


@dataclass(kw_only=True)
class Transfer(Record):
    """Money that went to a payee, in minor units; `source` is the try to pay that it is a part of."""

    kind: ClassVar[str] = "transfer"

    payee: str
    amount: int
    currency: str
    movement: str = ""
    arrival: str = ""
    taken_back: int = 0
    source: str | None = None
    group: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def parent(self) -> str | None:
        """Return the try to pay that it is a part of."""
        return self.source


@dataclass(kw_only=True)
class Reversal(Record):
    """A part of a transfer, or all of it, taken back."""

    kind: ClassVar[str] = "reversal"

    transfer: str
    amount: int
    currency: str
    movement: str = ""
    departure: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def parent(self) -> str:
        """Return the transfer that it takes back."""
        return self.transfer


def send(work: Work, transfer: Transfer) -> Transfer:
    """Move money to a payee: out of what is available, or as a part of one charge before it is."""
    work.get(Payee, transfer.payee)
    if transfer.source is None and ledger.available(work, transfer.currency) < transfer.amount:
        raise TooLittle
    if transfer.source is not None:
        charge = work.get(Attempt, transfer.source)
        gone = sum(each.amount for each in work.store.children(Transfer, charge.id))
        if gone + transfer.amount > charge.captured:
            raise TooMuch
    transfer.movement = _move(work, transfer, "transfer", -transfer.amount)
    with purse(work, transfer.payee) as there:
        transfer.arrival = _move(there, transfer, "transfer_in", transfer.amount)
    work.add(transfer)
    work.tell("transfer.created", transfer)
    return transfer


def take_back(work: Work, transfer: Transfer, reversal: Reversal) -> Reversal:
    """Take a part of a transfer back, as long as the payee has it."""
    if reversal.amount > transfer.amount - transfer.taken_back:
        raise TooMuch
    with purse(work, transfer.payee) as there:
        if ledger.available(there, transfer.currency) < reversal.amount:
            raise TooLittle
        reversal.departure = _move(there, reversal, "transfer_in", -reversal.amount)
    reversal.movement = _move(work, reversal, "transfer_reversal", reversal.amount)
    transfer.taken_back += reversal.amount
    work.add(reversal)
    work.save(transfer)
    work.tell("transfer.reversed", transfer)
    return reversal


def _move(work: Work, about: Transfer | Reversal, kind: ledger.MovementType, amount: int) -> str:
    return ledger.move(work, kind, source=about.id, currency=about.currency, amount=amount).id
