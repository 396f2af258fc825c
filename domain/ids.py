"""Identifiers: typed UUIDs for programs, references for people.

Making a UUID is chance and a clock, so it happens at the edges.
"""

from datetime import UTC, datetime
from typing import NewType
from uuid import UUID, uuid5

TenantId = NewType("TenantId", UUID)
ChannelId = NewType("ChannelId", UUID)
OfferId = NewType("OfferId", UUID)
VariantId = NewType("VariantId", UUID)
SlotId = NewType("SlotId", UUID)
CounterId = NewType("CounterId", UUID)
QuoteId = NewType("QuoteId", UUID)
BookingId = NewType("BookingId", UUID)
PaymentId = NewType("PaymentId", UUID)
RefundId = NewType("RefundId", UUID)
DisputeId = NewType("DisputeId", UUID)
TicketId = NewType("TicketId", UUID)
NoticeId = NewType("NoticeId", UUID)
MethodId = NewType("MethodId", UUID)
LinkId = NewType("LinkId", UUID)

# Digits and capitals without the pairs that people confuse on paper or on the telephone: 0/O and 1/I (L stays
# out for lower-case readers).
UNAMBIGUOUS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def derived(of: UUID, what: str) -> UUID:
    """Derive the id of something that exists once per `of`, such as the refund of a late payment.

    The same on every repeat (RFC 9562, version 5).
    """
    return uuid5(of, what)


def made_at(made: UUID) -> datetime | None:
    """Read when an id was made, UTC: the first 48 bits of a version 7 are milliseconds (RFC 9562); nothing
    from another version.
    """
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC) if made.version == 7 else None


def reference(pattern: str, *, year: int, number: int) -> str:
    """Write the `number`-th (≥ 0) booking of a tenant in its pattern, for people.

    `{year}`, `{number:n}` (at least n digits, counted up) and `{code:n}` (n unambiguous characters, in no
    visible order) may stand in the pattern, for example `BK-{year}-{number:6}` and `FLY2A-{code:6}`. Two
    numbers never give one reference while they are below 31 to the power of n.
    """
    text = pattern.replace("{year}", f"{year:04}")
    while (start := text.find("{")) >= 0:
        end = text.index("}", start)
        kind, _, digits = text[start + 1 : end].partition(":")
        text = text[:start] + _written(kind, int(digits), number) + text[end + 1 :]
    return text


def _written(kind: str, digits: int, number: int) -> str:
    if kind == "number":
        return f"{number:0{digits}}"
    if kind != "code":
        raise ValueError(f"a reference has no {{{kind}}}")
    base = len(UNAMBIGUOUS)
    size = base**digits
    # Multiplying by a number that shares no factor with 31 is a permutation: scattered, yet without a repeat
    # and without a look-up.
    scattered = (number % size * _scatter(size) + size // 3) % size
    letters = []
    for _ in range(digits):
        scattered, remainder = divmod(scattered, base)
        letters.append(UNAMBIGUOUS[remainder])
    return "".join(reversed(letters))


def _scatter(size: int) -> int:
    factor = int(size * 0.6180339887) | 1
    return factor if factor % len(UNAMBIGUOUS) else factor + 2
