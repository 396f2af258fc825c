"""How many requests a second the sandbox answers: it must never be the limit of what else is measured.

What is sent is what our own adapters send, in one process on one core. `requests_per_s` is the mix that one
booking over Stripe asks for: a checkout opened, looked at twice, and a mail.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from itertools import cycle
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp

from bench.figure import Figure, middle
from bench.load import press
from bench.outside import PROVIDERS, Asked, opening, sandbox

CONNECTIONS = 16
SECONDS = 3.0
ROUNDS = 3


def measure() -> list[Figure]:
    """Measure each kind of request, one after the other."""
    with sandbox() as url:
        opened = asyncio.run(_openings(url))
        stripe, mail = opened["stripe"], _mail()
        look = asyncio.run(_look(url, stripe))
        kinds: dict[str, Sequence[Asked]] = {
            "requests": (stripe, look, look, mail),
            **{f"{provider}_openings": (asked,) for provider, asked in opened.items()},
            "stripe_looks": (look,),
            "stripe_payments": (_payment(stripe),),
            "mails": (mail,),
        }
        rates = {name: [_rate(url, asked) for _ in range(ROUNDS + 1)][1:] for name, asked in kinds.items()}
    return [
        middle(f"{name}_per_s", runs, "1/s", "≥ 1000" if name == "requests" else "")
        for name, runs in rates.items()
    ]


def _rate(url: str, asked: Sequence[Asked]) -> float:
    run = press(url, _in_turn(asked), connections=CONNECTIONS, seconds=SECONDS)
    if any(status >= 300 for status in run.statuses):
        sys.exit(f"the sandbox did not take everything: {dict(run.statuses)}")
    return run.rate


def _in_turn(asked: Sequence[Asked]) -> Callable[[], bytes]:
    turns = cycle(asked)
    return lambda: next(turns).on_the_wire()


async def _openings(url: str) -> dict[str, Asked]:
    async with aiohttp.ClientSession() as http:
        return {provider: await opening(provider, url, http) for provider in PROVIDERS}


async def _look(url: str, opening_of: Asked) -> Asked:
    """Open a session, and give the request that asks for it."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(url + opening_of.path, headers=opening_of.anew(), data=opening_of.body) as answer,
    ):
        session = (await answer.json())["id"]
    return Asked("GET", f"{opening_of.path}/{session}", _without_body(opening_of), b"")


def _without_body(asked: Asked) -> dict[str, str]:
    return {
        name: value
        for name, value in asked.headers.items()
        if name.lower() not in ("content-type", "idempotency-key")
    }


def _payment(asked: Asked) -> Asked:
    """Write the request that makes an intent and pays it at once: charge, books and events in one."""
    wish = {
        "amount": 2_500,
        "currency": "eur",
        "confirm": "true",
        "payment_method": "pm_card_visa",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
    }
    return Asked("POST", "/stripe/v1/payment_intents", asked.headers, urlencode(wish).encode())


def _mail() -> Asked:
    letter = {
        "personalizations": [{"to": [{"email": "ada@example.com"}]}],
        "from": {"email": "tickets@example.com"},
        "subject": "Your tickets",
        "content": [{"type": "text/plain", "value": "Here they are. " * 50}],
    }
    headers = {"Authorization": f"Bearer SG.{uuid4().hex}", "Content-Type": "application/json"}
    return Asked("POST", "/sendgrid/v3/mail/send", headers, json.dumps(letter).encode())
