"""Forged, doubled and hostile deliveries through the route: refused or parked, never a defect (F20, F21)."""

import json
import random
import time
from typing import Any

import pytest

from tests.api.conftest import Door
from tests.api.test_webhook import deliver, event, signed

FORGED, HOSTILE = 300, 150


def forgery(chance: random.Random) -> tuple[bytes, Any]:
    """Change something about a good delivery: its bytes, its header, its header's number."""
    raw = event()
    good = signed(raw)["Stripe-Signature"]
    other = f"t={int(time.time())},v1={chance.randbytes(32).hex()}"
    place = chance.randrange(len(raw))
    return chance.choice(
        [
            (raw[:place], {"Stripe-Signature": good}),
            (raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :], {"Stripe-Signature": good}),
            (raw, {"Stripe-Signature": other}),
            (raw, [("stripe-signature", good), ("stripe-signature", other)]),
            (raw, [("stripe-signature", good), ("Stripe-Signature", good)]),
            (raw, signed(raw, secret=chance.randbytes(9).hex())),
            (raw, signed(raw, age=chance.choice([-10_000, 10_000, 500]))),
            (raw, [(b"stripe-signature", good.encode() + chance.randbytes(3) + b"\xff")]),
            (chance.randbytes(chance.randrange(100)), {"Stripe-Signature": good}),
            (raw, {}),
        ]
    )


@pytest.mark.row("WHK-01")
async def test_no_forged_delivery_is_kept_or_is_a_defect_of_ours(door: Door) -> None:
    chance, before = random.Random(20), await door.counts()  # noqa: S311 - repeatable on purpose

    for _ in range(FORGED):
        raw, headers = forgery(chance)
        answer = await deliver(door, raw, headers)
        assert answer.status_code == 400, (raw, headers, answer.text)

    assert await door.counts() == before


def hostile(chance: random.Random) -> bytes:
    """Write something that only the provider itself could sign, and that nobody sane would send."""
    whole = json.loads(event())
    about = whole["data"]["object"]
    odd: list[Any] = [
        *(
            None,
            True,
            -1,
            2**70,
            1e308,
            "",
            "\x00",
            "💣" * 300,
            [],
            {},
            [[[]]],
            {"$gt": ""},
            "'; drop table x; --",
        ),
        *("../../etc/passwd", "9" * 5_000, "2026-02-30", "\ud83d", {"object": "payment_intent"}),
    ]
    for _ in range(chance.randrange(1, 4)):
        target = chance.choice([whole, whole["data"], about, about.get("metadata") or about])
        if not isinstance(target, dict) or not target:
            continue
        target[chance.choice(sorted(target))] = chance.choice(odd)
        about = whole["data"].get("object") if isinstance(whole.get("data"), dict) else None
        if not isinstance(about, dict):
            break
    return json.dumps(whole).encode()


@pytest.mark.row("WHK-18", partly="what becomes of what can be read: tests/workflows")
@pytest.mark.row("WHK-19")
async def test_an_authentic_delivery_that_is_hostile_is_taken_and_moves_nothing(door: Door) -> None:
    chance, before = random.Random(21), await door.counts()  # noqa: S311 - repeatable on purpose

    for _ in range(HOSTILE):
        raw = hostile(chance)
        answer = await deliver(door, raw, signed(raw))
        assert answer.status_code == 200, (raw, answer.text)

    after = await door.counts()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"webhook_events", "cases"}
    assert after["webhook_events"] > HOSTILE / 2


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "image/png; charset=x"]
)
async def test_the_content_type_of_a_delivery_says_nothing_its_signature_does(door: Door, kind: str) -> None:
    raw = event()

    authentic = await deliver(door, raw, {**signed(raw), "Content-Type": kind})
    forged = await deliver(door, raw + b" ", {**signed(raw), "Content-Type": kind})

    assert (authentic.status_code, forged.status_code) == (200, 400)
    assert await door.judge.fetchval("select count(*) from webhook_events") == 1
