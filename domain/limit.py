"""How often somebody may ask: policies, and what is left of one.

Source of the words: the IETF draft *RateLimit header fields for HTTP*.
"""

from enum import StrEnum

from domain.value import Value


class Policy(Value):
    """At most `quota` requests within `seconds` of the first; a quota of 0 is no limit."""

    name: str
    quota: int
    seconds: int


class Use(Value):
    """What is left of a policy after a request, and in how many seconds it is whole again."""

    policy: Policy
    used: int
    resets_in: int

    @property
    def remaining(self) -> int:
        """How many requests are left."""
        return max(0, self.policy.quota - self.used)

    @property
    def is_exceeded(self) -> bool:
        """Whether this request was one too many."""
        return self.used > self.policy.quota


class BlockKind(StrEnum):
    """What may be blocked."""

    USER = "user"
    ADDRESS = "address"
