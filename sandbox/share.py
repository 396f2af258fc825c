"""Parts of a payment that its provider puts to payees as it books it, and takes from them as it gives back.

A part for somebody who is no payee stays with the account, as all that is in no part does.
"""

from collections.abc import Iterable, Mapping

from sandbox import ledger
from sandbox.payee import Payee, purse
from sandbox.record import NotFound
from sandbox.work import Work

# Amounts in minor units, by payee.
Parts = dict[str, int]


def put(work: Work, source: str, currency: str, parts: Mapping[str, int]) -> None:
    """Put their parts of a charge to payees."""
    for payee, amount in _to_payees(work, parts):
        _move(work, payee, source, currency, amount)


def take(work: Work, source: str, currency: str, parts: Mapping[str, int]) -> None:
    """Take parts back from payees, whether they have them or not."""
    for payee, amount in _to_payees(work, parts):
        _move(work, payee, source, currency, -amount)


def together(some: Mapping[str, int], others: Mapping[str, int]) -> Parts:
    """Add parts up, payee by payee."""
    return {payee: some.get(payee, 0) + others.get(payee, 0) for payee in {**some, **others}}


def of_refund(amount: int, whole: int, parts: Mapping[str, int], taken: Iterable[Mapping[str, int]]) -> Parts:
    """Say who gives how much of `amount`, of the `whole` that is left: each in proportion to what is left of
    their part once `taken` was; what does not divide is the account's own to give.
    """
    left = dict(parts)
    for each in taken:
        for payee, gone in each.items():
            left[payee] = left.get(payee, 0) - gone
    return {payee: minor * amount // whole for payee, minor in left.items() if minor > 0}


def _to_payees(work: Work, parts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(payee, amount) for payee, amount in parts.items() if amount and _is_payee(work, payee)]


def _is_payee(work: Work, name: str) -> bool:
    try:
        work.get(Payee, name)
    except NotFound:
        return False
    return True


def _move(work: Work, payee: str, source: str, currency: str, amount: int) -> None:
    kind: ledger.MovementType = "transfer" if amount > 0 else "transfer_reversal"
    ledger.move(work, kind, source=source, currency=currency, amount=-amount)
    with purse(work, payee) as there:
        ledger.move(there, "transfer_in", source=source, currency=currency, amount=amount)
