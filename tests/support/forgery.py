"""Deliveries that look like a provider's and are not, each made from an authentic one."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.support.sender import Sender, Sent

Forge = Callable[[Sender, random.Random], Sent]


def good(sender: Sender) -> Sent:
    """Write an authentic delivery."""
    return sender.sealed(sender.event(str(uuid4())), datetime.now(UTC), sender.secret)


def cut_off(sender: Sender, chance: random.Random) -> Sent:
    """Leave the end of the body out."""
    raw, headers = good(sender)
    return raw[: chance.randrange(len(raw))], headers


def one_bit(sender: Sender, chance: random.Random) -> Sent:
    """Change a bit of the event's own name, which every provider signs."""
    event = sender.event(str(uuid4()))
    raw, headers = sender.sealed(event, datetime.now(UTC), sender.secret)
    name = str(event.get("id") or event["pspReference"]).encode()
    changed = bytearray(raw)
    changed[raw.index(name) + chance.randrange(len(name))] ^= 1
    return bytes(changed), headers


def another_payment(sender: Sender, _: random.Random) -> Sent:
    """Say the same of another payment."""
    payment_id = str(uuid4())
    raw, headers = sender.sealed(sender.event(payment_id), datetime.now(UTC), sender.secret)
    return raw.replace(payment_id.encode(), str(uuid4()).encode()), headers


def another_secret(sender: Sender, chance: random.Random) -> Sent:
    """Sign with what looks like the right secret."""
    place = chance.randrange(len(sender.secret))
    other = "2" if sender.secret[place] == "1" else "1"
    secret = sender.secret[:place] + other + sender.secret[place + 1 :]
    return sender.sealed(sender.event(str(uuid4())), datetime.now(UTC), secret)


def random_bytes(sender: Sender, chance: random.Random) -> Sent:
    """Send anything under an authentic header."""
    return chance.randbytes(chance.randrange(200)), good(sender)[1]


def another_time(sender: Sender, chance: random.Random) -> Sent:
    """Sign rightly, long ago or far ahead."""
    away = timedelta(days=chance.choice([-30, -5, 5, 30]))
    return sender.sealed(sender.event(str(uuid4())), datetime.now(UTC) + away, sender.secret)


def without_a_header(sender: Sender, chance: random.Random) -> Sent:
    """Leave one of the signed headers out."""
    raw, headers = good(sender)
    left_out = chance.choice(sender.headers)
    return raw, {name: value for name, value in headers.items() if name != left_out}


def odd_header(sender: Sender, chance: random.Random) -> Sent:
    """Write something else into one of them."""
    raw, headers = good(sender)
    odd = chance.choice(["", "null", "t=1,v1=", "%00", "a" * 5_000, "-1", "\xe9"])
    return raw, {**headers, chance.choice(sender.headers): odd}


IN_THE_BODY: tuple[Forge, ...] = (cut_off, one_bit, another_payment, another_secret, random_bytes)
IN_THE_HEADERS: tuple[Forge, ...] = (another_time, without_a_header, odd_header)


def forgers(sender: Sender) -> tuple[Forge, ...]:
    """Give all that can be forged of a provider's deliveries."""
    return IN_THE_BODY + (IN_THE_HEADERS if sender.headers else ())
