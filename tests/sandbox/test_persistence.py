"""What was acknowledged survives the death of the process; a seed gives the same world again."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiohttp
import stripe

from tests.sandbox.conftest import ROOT, Receiver, Shop, started


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(
    tmp_path: Path, http: aiohttp.ClientSession, transport: stripe.AIOHTTPClient
) -> None:
    file = tmp_path / "books.sqlite3"
    with started(file) as first:
        shop = Shop(first.url, http, transport)
        made = [(await shop.paid(1000 + n)).id for n in range(25)]
        replayed = await shop.stripe.v1.payment_intents.create_async(
            {"amount": 1000, "currency": "eur"}, {"idempotency_key": "k"}
        )
        first.popen.kill()

    with started(file) as second:
        after = Shop(second.url, http, transport, key=shop.key)
        listed = await after.stripe.v1.payment_intents.list_async({"limit": 100})
        again = await after.stripe.v1.payment_intents.create_async(
            {"amount": 1000, "currency": "eur"}, {"idempotency_key": "k"}
        )

        assert [intent.id for intent in listed.data] == [replayed.id, *made[::-1]]
        assert again.id == replayed.id
        assert sum(payment["captured"] for payment in await after.payments()) == sum(
            1000 + n for n in range(25)
        )
        new = await after.paid()
        assert new.id not in made


async def test_webhook_that_was_owed_is_sent_after_a_restart(
    tmp_path: Path, http: aiohttp.ClientSession, transport: stripe.AIOHTTPClient, receiver: Receiver
) -> None:
    file = tmp_path / "books.sqlite3"
    receiver.answers = [500]
    with started(file) as first:
        shop = Shop(first.url, http, transport)
        hook: Any = {"url": receiver.url, "enabled_events": ["payment_intent.created"]}
        secret = (await shop.stripe.v1.webhook_endpoints.create_async(hook)).secret
        await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
        await shop.drain()

    with started(file) as second:
        await Shop(second.url, http, transport, key=shop.key).advance(10)

    assert len(receiver.verified(secret or "")) == 2
    assert len({body for body, _ in receiver.deliveries}) == 1


async def test_same_seed_and_key_give_the_same_ids(
    tmp_path: Path, http: aiohttp.ClientSession, transport: stripe.AIOHTTPClient
) -> None:
    worlds = []
    for seed, name in (("7", "a"), ("7", "b"), ("8", "c")):
        with started(tmp_path / name, "--seed", seed) as process:
            # Another account's doings change nothing.
            await Shop(process.url, http, transport, key=f"sk_test_neighbour{name}").paid()
            shop = Shop(process.url, http, transport, key="sk_test_always_the_same")
            paid = await shop.paid()
            await shop.advance(2)  # the fee is told by itself, and takes ids: before what follows
            worlds.append([paid.id, (await shop.session()).id])

    assert worlds[0] == worlds[1]
    assert worlds[0] != worlds[2]


async def test_reset_forgets_one_account_and_no_other(shop: Shop) -> None:
    other = Shop(shop.url, shop.http, shop.transport)
    first = await shop.paid()
    await other.paid()

    await shop.control("POST", "/reset", account=shop.key)

    assert (await shop.stripe.v1.payment_intents.list_async()).data == []
    assert len(await other.payments()) == 1
    assert (await shop.paid()).id != first.id  # or receivers would take its events for repetitions


async def test_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with started(tmp_path / "books.sqlite3"):
        second = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "sandbox", "--port", "0", "--database", str(tmp_path / "books.sqlite3")],
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await second.communicate()

    assert second.returncode == 1
    assert said.decode().startswith("sandbox: cannot use")
    assert "--database" in said.decode()


async def test_clock_of_one_account_moves_alone(shop: Shop) -> None:
    other = Shop(shop.url, shop.http, shop.transport)
    mine, theirs = await shop.session(), await other.session()

    await shop.advance(25 * 3600)

    assert (await shop.stripe.v1.checkout.sessions.retrieve_async(mine.id)).status == "expired"
    assert (await other.stripe.v1.checkout.sessions.retrieve_async(theirs.id)).status == "open"
    clock = await shop.control("GET", f"/clock?account={shop.key}")
    assert clock["offset"] == 25 * 3600
    assert (await shop.paid()).created >= mine.created + 25 * 3600
