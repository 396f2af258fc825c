"""Payees: others whom an account pays, each with a balance of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from sandbox.account import Account
from sandbox.identifier import derive
from sandbox.record import Json, Record
from sandbox.work import Work


@dataclass(kw_only=True)
class Payee(Record):
    """Somebody to be paid. `bank` is the number of a test bank account; `about` holds what only the
    provider's face wants to remember.
    """

    kind: ClassVar[str] = "payee"

    country: str
    currency: str
    email: str | None = None
    bank: str | None = None
    submitted: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    about: Json = field(default_factory=dict)


class Purse(Account):
    """A payee's own world, below the account that pays them: its clock and its count of ids are shared."""

    def __init__(self, payee_id: str, root: Account) -> None:
        super().__init__(payee_id, root.provider, root.key, root.created, root.offset, root.counter)
        self._root = root

    @property
    def root(self) -> Account:
        """Return the account that pays."""
        return self._root

    def next_id(self, seed: int, prefix: str, length: int = 24) -> str:
        """Return a new id, of the same count as the account's own."""
        self._root.counter += 1
        self.counter = self._root.counter
        return prefix + derive(seed, self.id, self.counter, length=length)


@contextmanager
def purse(work: Work, payee_id: str) -> Iterator[Work]:
    """Work in a payee's purse as a part of the same turn; raises NotFound for somebody else's payee."""
    work.get(Payee, payee_id)
    beside = Work(work.world, Purse(payee_id, work.account), work.now, work.cause)
    yield beside
    work.planned = work.planned or beside.planned
