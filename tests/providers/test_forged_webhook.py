"""Forged and mutated deliveries of every provider, each made from an authentic one: all are refused (F20).
Ten thousand from each with `./dev test --all`, some hundreds otherwise.
"""

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from providers.gateway import BadSignature, Gateway
from providers.stripe_gateway import webhook
from tests.providers.conftest import MERCHANT, Told, adyen_gateway, paypal_gateway, stripe_gateway
from tests.providers.test_stripe_webhook import BODY, NEXT, NOW, SECRET, STAMP, TOLERANCE, signed
from tests.support import forgery, paypal
from tests.support.sandbox import Account
from tests.support.sender import AdyenSender, Sender, StripeSender, paypal_sender

EACH = 2_000 if os.environ.get("HOLDFAST_TEST_ALL") else 100
SEED = 20

Sent = tuple[bytes, dict[str, str]]


def header(sent: Sent) -> str:
    return sent[1][webhook.HEADER]


def with_header(raw: bytes, text: str) -> Sent:
    return raw, {webhook.HEADER: text}


def another_byte(chance: random.Random) -> Sent:
    raw = bytearray(BODY)
    raw[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
    return bytes(raw), signed()


def cut_off(chance: random.Random) -> Sent:
    return BODY[: chance.randrange(len(BODY))], signed()


def grown(chance: random.Random) -> Sent:
    return BODY + chance.randbytes(chance.randrange(1, 50)), signed()


def another_signature(chance: random.Random) -> Sent:
    text = header((BODY, signed()))
    place = chance.randrange(text.index("v1=") + 3, len(text))
    return with_header(BODY, text[:place] + "g" + text[place + 1 :])


def another_secret(chance: random.Random) -> Sent:
    return BODY, signed(
        secret=chance.choice([NEXT, SECRET[:-1], SECRET.upper(), f"{SECRET} ", "", chance.randbytes(9).hex()])
    )


def too_old_or_of_the_future(chance: random.Random) -> Sent:
    away = chance.randrange(301, 10**9) * chance.choice([1, -1])
    return BODY, signed(stamp=abs(STAMP + away))


def another_stamp(chance: random.Random) -> Sent:
    moved = STAMP + chance.choice([1, -1]) * chance.randrange(1, 300)
    return with_header(BODY, header((BODY, signed())).replace(str(STAMP), str(moved)))


def missing_parts(chance: random.Random) -> Sent:
    parts = header((BODY, signed())).split(",")
    parts.pop(chance.randrange(len(parts)))
    return with_header(BODY, chance.choice([",".join(parts), "", ",".join(parts).upper()]))


def doubled(chance: random.Random) -> Sent:
    good = header((BODY, signed()))
    other = f"t={STAMP + chance.randrange(300)},v1={chance.randbytes(32).hex()}"
    return with_header(BODY, ",".join(chance.choice([(good, other), (other, good), (good, good)])))


def another_scheme(chance: random.Random) -> Sent:
    return with_header(
        BODY, header((BODY, signed())).replace("v1", chance.choice(["v0", "v2", "V1", "v1 ", "sha256"]))
    )


def odd_letters(chance: random.Random) -> Sent:
    text = list(header((BODY, signed())))
    text[chance.randrange(len(text))] = char if (char := chr(chance.randrange(128, 0x2FFF))) else "é"
    return with_header(BODY, "".join(text))


FORGERIES: list[Callable[[random.Random], Sent]] = [
    *(another_byte, cut_off, grown, another_signature, another_secret, too_old_or_of_the_future),
    *(another_stamp, missing_parts, doubled, another_scheme, odd_letters),
]


def forged(forge: Callable[[random.Random], Sent]) -> Iterator[Sent]:
    chance = random.Random(f"{SEED} {forge.__name__}")  # noqa: S311 - repeatable on purpose
    for _ in range(EACH):
        yield forge(chance)


@pytest.mark.row("WHK-01")
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_no_forgery_is_believed_and_none_is_a_defect(forge: Callable[[random.Random], Sent]) -> None:
    for raw, headers in forged(forge):
        with pytest.raises(BadSignature):
            webhook.verify(raw, headers, (SECRET, ""), NOW, TOLERANCE)


def test_what_they_were_made_from_is_believed() -> None:
    """The twin: without this the ten thousand would prove nothing."""
    webhook.verify(BODY, signed(), (SECRET, ""), NOW, TOLERANCE)


Known = tuple[Sender, Gateway]


@pytest.fixture(params=["stripe", "adyen", "paypal"])
async def known(
    request: pytest.FixtureRequest, account: Account, http: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Known]:
    """Give each provider in turn: who knows its secret, and our gateway that knows it too."""
    if request.param == "stripe":
        yield StripeSender(SECRET), stripe_gateway(account, http, SECRET, "")
    elif request.param == "adyen":
        key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
        yield AdyenSender(key, MERCHANT), adyen_gateway(account, Told([]), key)
    else:
        async with paypal_sender(paypal.WEBHOOK, tmp_path) as (sender, roots):
            api = sender.address
            yield sender, paypal_gateway(account, http, roots.read_bytes(), paypal.WEBHOOK, "", api=api)


@pytest.mark.row("WHK-01")
@pytest.mark.row("WHK-02")
@pytest.mark.row("WHK-03")
@pytest.mark.row("SEC-10")
async def test_no_gateway_believes_a_forgery(known: Known) -> None:
    sender, gateway = known

    for forge in forgery.forgers(sender):
        chance = random.Random(f"{SEED} {forge.__name__}")  # noqa: S311 - repeatable on purpose
        for _ in range(EACH):
            raw, headers = forge(sender, chance)
            with pytest.raises(BadSignature):
                await gateway.verify(raw, headers, datetime.now(UTC))


async def test_every_gateway_believes_what_they_were_made_from(known: Known) -> None:
    sender, gateway = known
    raw, headers = forgery.good(sender)

    await gateway.verify(raw, headers, datetime.now(UTC))
    assert len(gateway.parse(raw)) == sender.items
