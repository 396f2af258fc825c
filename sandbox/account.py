"""Accounts: one per provider and API key, made on first use and kept apart from all others."""

from dataclasses import dataclass

from sandbox.identifier import derive


@dataclass
class Account:
    """One merchant's world at one provider: its key, its clock and how many ids it has given out."""

    id: str
    provider: str
    key: str
    created: int
    offset: float = 0.0
    counter: int = 0

    @property
    def root(self) -> "Account":
        """Return the account that keeps count and time for this one: itself, unless it is a payee's."""
        return self

    def next_id(self, seed: int, prefix: str, length: int = 24) -> str:
        """Return a new id; the same seed, key and order of calls give the same ids again."""
        self.counter += 1
        return prefix + derive(seed, self.id, self.counter, length=length)


def account_id(seed: int, provider: str, key: str, life: int) -> str:
    """Return the id of an account under this seed; a reset gives its key another `life` with other ids.

    A receiver of webhooks remembers event ids, and would take those of a second life for repetitions.
    """
    return "acct_" + derive(seed, provider, key, life, length=16)
