"""Where a payment stands for whoever asks, and what earlier applications call it (state machine 3.2).

Refunds and disputes are derived and never stored over a status. Three vocabularies come with partners: S0's,
which ours grew from; S2's, in capitals; S4's, in which a captured payment is *paid*. Several standings may
read alike there; no word means two.
"""

from collections.abc import Mapping
from enum import StrEnum


class Standing(StrEnum):
    """The stored status of a payment, or what its refunds and disputes make of it."""

    PENDING = "pending"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CONFLICTED = "conflicted"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"


class Vocabulary(StrEnum):
    """Whose words."""

    S0 = "s0"
    S2 = "s2"
    S4 = "s4"


WORDS: Mapping[Vocabulary, Mapping[str, Standing]] = {
    Vocabulary.S0: {
        "pending": Standing.PENDING,
        "authorized": Standing.AUTHORIZED,
        "captured": Standing.CAPTURED,
        "failed": Standing.FAILED,
        "cancelled": Standing.CANCELLED,
        "refunded": Standing.REFUNDED,
        "partially_refunded": Standing.PARTIALLY_REFUNDED,
    },
    Vocabulary.S2: {
        "PENDING": Standing.PENDING,
        "PROCESSING": Standing.PROCESSING,
        "COMPLETED": Standing.CAPTURED,
        "FAILED": Standing.FAILED,
        "REFUNDED": Standing.REFUNDED,
    },
    Vocabulary.S4: {
        "pending": Standing.PENDING,
        "requires_action": Standing.REQUIRES_ACTION,
        "paid": Standing.CAPTURED,
        "failed": Standing.FAILED,
        "refunded": Standing.REFUNDED,
    },
}


def meant(vocabulary: Vocabulary, word: str) -> Standing | None:
    """Give what a word of a vocabulary means here; nothing for a word it does not have."""
    return WORDS[vocabulary].get(word)
