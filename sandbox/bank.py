"""Test bank accounts: the only IBANs the sandbox knows, what comes of a debit, and when.

IBANs and effects are Stripe's published ones. A bank tells the outcome of a debit days later.
"""

from dataclasses import dataclass

from sandbox.card import Decline, DisputeManner, RefundManner
from sandbox.work import Work

SETTLE_SECONDS = 5 * 24 * 3600
MINUTES_MORE = 180


@dataclass(frozen=True)
class BankAccount:
    """A test bank account and how it behaves; `slower` are seconds on top of what a bank takes."""

    iban: str
    name: str
    decline: Decline | None = None
    slower: int = 0
    refunds: RefundManner = "pending_first"
    dispute: DisputeManner | None = None

    @property
    def last4(self) -> str:
        """Return the four characters that may be shown."""
        return self.iban[-4:]

    @property
    def country(self) -> str:
        """Return the country of the bank."""
        return self.iban[:2]

    @property
    def bank_code(self) -> str:
        """Return the bank's number within its country, five digits in Austria."""
        return self.iban[4:9]


FAILED = Decline("generic_could_not_process", "generic_decline", "The bank could not process this payment.")
NO_FUNDS = Decline(
    "insufficient_funds", "insufficient_funds", "The bank account has insufficient funds for this payment."
)
BANK_ACCOUNTS = (
    BankAccount("AT611904300234573201", "success_at"),
    BankAccount("AT321904300235473204", "successDelayed_at", slower=MINUTES_MORE),
    BankAccount("AT861904300235473202", "failed_at", FAILED),
    BankAccount("AT051904300235473205", "failedDelayed_at", FAILED, slower=MINUTES_MORE),
    BankAccount("AT981904300002222227", "insufficientFunds_at", NO_FUNDS),
)
BY_IBAN = {account.iban: account for account in BANK_ACCOUNTS}
BY_NAME = {account.name: account for account in BANK_ACCOUNTS}


def find(text: str) -> BankAccount | None:
    """Return the test account of this IBAN (spaces allowed), token (`pm_sepaDebit_success_at`) or name."""
    plain = text.replace(" ", "").removeprefix("pm_sepaDebit_")
    return BY_IBAN.get(plain.upper()) or BY_NAME.get(plain)


def settle_seconds(work: Work) -> int:
    """Return how long banks take in this account."""
    return int(work.store.meta(_setting(work), str(SETTLE_SECONDS)))


def set_settle_seconds(work: Work, seconds: int) -> None:
    """Let banks take this long for debits of this account that begin from now on."""
    work.store.remember(_setting(work), str(seconds))


def _setting(work: Work) -> str:
    return f"settle seconds {work.account.id}"
