"""Paying by bank transfer: whom the buyer pays, and the reference by which we know whose money came.

Numbers of accounts (ISO 13616) and references (ISO 11649) carry two check digits of the same kind, ISO 7064
MOD 97-10, so that a slip of the pen is found before any money is looked for.
"""

import re

from domain.ids import UNAMBIGUOUS, PaymentId
from domain.money import Money
from domain.value import Value

# The provider of what comes to our own account at a bank, and the method by which it comes.
BANK = "bank"
TRANSFER = "bank_transfer"

LETTERS = 16


class Payee(Value):
    """Whose account the money goes to: `iban` and `bic` without blanks."""

    holder: str
    iban: str
    bic: str


class BankTransfer(Payee):
    """What a buyer tells their bank: pay `amount` to this account and name this `reference`."""

    amount: Money
    reference: str


def creditor_reference(payment_id: PaymentId) -> str:
    """Write the reference that the transfer for a payment names: `RF`, two check digits, sixteen letters and
    digits that are not confused with each other (ISO 11649).
    """
    left, letters = payment_id.int, ""
    for _ in range(LETTERS):
        left, at = divmod(left, len(UNAMBIGUOUS))
        letters += UNAMBIGUOUS[at]
    check = 98 - _remainder(f"{letters}RF00")
    return f"RF{check:02}{letters}"


def without_blanks(text: str) -> str:
    """Write a number or reference as machines do: people and statements group it, and write small letters."""
    return "".join(text.split()).upper()


def is_sound(text: str) -> bool:
    """Say whether the check digits of an account's number or a reference are right."""
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}", text):
        return False
    return _remainder(text[4:] + text[:4]) == 1


def _remainder(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text)) % 97
