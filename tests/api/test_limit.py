"""Whoever asks too often is asked to wait, whichever process they ask; and where a request comes from."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from temporalio.client import Client
from uuid_utils.compat import uuid7

from api.app import create_app
from api.limit import network
from db import limit
from domain.ids import PaymentId, TenantId
from domain.limit import BlockKind, Policy
from tests.api.conftest import ORIGIN, RETURN, Door
from tests.api.test_link import link_of, opened, token_of
from tests.support.database import Databases
from tests.support.server import address, free_socket, serving
from tests.support.stack import bearer, front

HOUR = 3_600
ASKING = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}


@asynccontextmanager
async def limited(door: Door, client: str = "198.51.100.7", **settings: Any) -> AsyncIterator[Door]:
    """Open another front door over the same database, with these limits an hour, asked from this address."""
    hourly = dict.fromkeys(("rate_user_seconds", "rate_anonymous_seconds", "rate_payments_seconds"), HOUR)
    app = create_app(door.settings.model_copy(update={**hourly, **settings}))
    transport = httpx2.ASGITransport(app, client=(client, 1))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as http,
    ):
        yield replace(door, app=app, http=http)


async def listed(door: Door, name: str = "ada") -> httpx2.Response:
    return await door.get("/bookings", door.user(name))


async def paid(door: Door, token: str, booking: object, **headers: str) -> httpx2.Response:
    return await door.http.post(
        f"/api/v1/bookings/{booking}/payments",
        json={"return_url": RETURN},
        headers={**bearer(token), "Idempotency-Key": uuid4().hex, **headers},
    )


@pytest.mark.row("SEC-04", partly="scans and the lockout of log-ins; a tenant's own limits")
class TestQuotas:
    async def test_a_user_may_ask_so_often_and_no_more_whichever_process(self, door: Door) -> None:
        async with limited(door, rate_user=2) as one, limited(door, rate_user=2) as other:
            within = [await listed(one), await listed(other)]
            beyond = await listed(one)
            somebody_else = await listed(other, "eve")

        assert [answer.status_code for answer in within] == [200, 200]
        assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in within] == [
            '"user";r=1',
            '"user";r=0',
        ]
        assert within[0].headers["ratelimit-policy"] == '"user";q=2;w=3600'
        assert (beyond.status_code, beyond.json()["code"]) == (429, "quota_exceeded")
        assert beyond.json()["violated-policies"] == ["user"]
        assert 0 < int(beyond.headers["retry-after"]) <= HOUR
        assert beyond.headers["ratelimit"].startswith('"user";r=0;t=')
        assert somebody_else.status_code == 200

    async def test_without_a_token_each_address_may_ask_so_often(self, door: Door) -> None:
        async with (
            limited(door, rate_anonymous=2) as here,
            limited(door, "203.0.113.9", rate_anonymous=2) as there,
        ):
            within = [await here.ask(), await here.get("/bookings")]
            beyond = await here.ask()
            elsewhere = await there.ask()

        assert [answer.status_code for answer in within] == [201, 401]
        assert (beyond.status_code, beyond.json()["violated-policies"]) == (429, ["anonymous"])
        assert elsewhere.status_code == 201

    async def test_an_address_may_try_to_pay_so_often_over_all_bookings(self, door: Door) -> None:
        async with limited(door, rate_payments=2) as asked:
            bookings = [await asked.book() for _ in range(3)]
            first = await paid(asked, bookings[0].token, bookings[0].id, **{"Idempotency-Key": "one"})
            again = await paid(asked, bookings[0].token, bookings[0].id, **{"Idempotency-Key": "one"})
            second = await paid(asked, bookings[1].token, bookings[1].id)
            keys = (await asked.counts())["idempotency_keys"]
            third = await paid(asked, bookings[2].token, bookings[2].id)

            assert [first.status_code, again.status_code, second.status_code] == [503, 503, 503]
            assert (third.status_code, third.json()["violated-policies"]) == (429, ["payments"])
            assert (await asked.counts())["idempotency_keys"] == keys

    async def test_a_booking_stands_though_its_payment_is_one_too_many(self, door: Door) -> None:
        async with limited(door, rate_payments=1) as asked:
            wish = {"payment": {"return_url": RETURN}}
            first, second = await asked.ask(**wish), await asked.ask(**wish)

        assert (first.status_code, first.json()["payment"]["refused"]) == (201, None)
        assert (second.status_code, second.json()["payment"]["refused"]) == (201, "quota_exceeded")

    async def test_who_guesses_payment_links_is_shown_none_after_a_while(self, door: Door) -> None:
        link = token_of(await link_of(door, await door.book()))
        wrong = f"{link[:-4]}AAAA" if link[-4:] != "AAAA" else f"{link[:-4]}BBBB"
        async with (
            limited(door, rate_guesses=2, rate_guesses_seconds=HOUR) as here,
            limited(door, "203.0.113.9", rate_guesses=2, rate_guesses_seconds=HOUR) as there,
        ):
            right = [await opened(here, link) for _ in range(3)]
            guesses = [await opened(here, wrong), await here.http.get(f"/pay/{wrong}")]
            beyond = [await opened(here, wrong), await opened(here, link)]
            elsewhere = await opened(there, link)

        assert [answer.status_code for answer in right] == [200, 200, 200]
        assert [answer.status_code for answer in guesses] == [404, 404]
        assert [(answer.status_code, answer.json()["code"]) for answer in beyond] == [
            (429, "quota_exceeded"),
            (429, "quota_exceeded"),
        ]
        assert 0 < int(beyond[0].headers["retry-after"]) <= HOUR
        assert elsewhere.status_code == 200

    async def test_what_machines_ask_and_providers_send_is_not_counted(self, door: Door) -> None:
        async with limited(door, rate_anonymous=1, rate_user=1) as asked:
            answers = [
                await asked.http.get("/health/live"),
                await asked.http.get("/health/live"),
                *[await asked.http.post("/api/v1/webhooks/stripe", content=b"{}") for _ in range(3)],
            ]

        assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 400]
        assert all("ratelimit" not in answer.headers for answer in answers)


@pytest.mark.row("SEC-04", partly="scans and the lockout of log-ins; a tenant's own limits")
async def test_many_at_once_are_counted_to_the_last(databases: Databases) -> None:
    policy = Policy(name="user", quota=10, seconds=HOUR)

    uses = await asyncio.gather(*(limit.spend(databases.app, policy, "somebody") for _ in range(30)))

    assert sorted(use.used for use in uses) == [*range(1, 31)]
    assert sum(use.is_exceeded for use in uses) == 20


async def test_a_period_that_is_over_begins_anew_and_old_ones_are_forgotten(databases: Databases) -> None:
    policy = Policy(name="user", quota=1, seconds=60)
    await limit.spend(databases.app, policy, "somebody")
    async with databases.app.alone() as connection:
        await connection.execute("update rate_limits set begun_at = begun_at - interval '61 seconds'")

    use = await limit.spend(databases.app, policy, "somebody")

    assert (use.used, use.remaining) == (1, 0)
    async with databases.app.alone() as connection:
        await connection.execute("update rate_limits set begun_at = begun_at - interval '2 days'")
    async with databases.relay.across() as connection:
        assert await limit.forget(connection, at_most=10) == 1
    async with databases.app.alone() as connection:
        assert await connection.fetchval("select count(*) from rate_limits") == 0


@pytest.mark.row("PAY-25", partly="the review itself: tests/workflows")
async def test_attempts_to_pay_are_counted_for_each_address(databases: Databases) -> None:
    tenant_id, policy = TenantId(uuid7()), Policy(name="payments", quota=0, seconds=60)

    async with databases.app.tenant(tenant_id) as connection:
        ids = [PaymentId(uuid7()) for _ in range(11)]
        here = [
            await limit.try_to_pay(connection, tenant_id, "here", each, policy) for each in [*ids, ids[0]]
        ]
        elsewhere = await limit.try_to_pay(connection, tenant_id, "elsewhere", ids[0], policy)

    assert [tried.lately for tried in here] == [*range(1, 12), 11]  # the same payment counts once
    assert [tried.use.used for tried in here] == [*range(1, 12), 11]
    assert elsewhere.lately == 1


async def test_an_attempt_of_a_blocked_user_or_address_is_told_of(databases: Databases) -> None:
    tenant_id, policy = TenantId(uuid7()), Policy(name="payments", quota=0, seconds=60)

    async with databases.app.tenant(tenant_id) as connection:
        await limit.block(connection, tenant_id, BlockKind.USER, "eve", reason="stolen cards", by="op")
        await limit.block(connection, tenant_id, BlockKind.ADDRESS, "there", reason="a robot", by="op")

        async def barred(address: str, user_id: str | None) -> limit.Barred | None:
            payment_id = PaymentId(uuid7())
            tried = await limit.try_to_pay(
                connection, tenant_id, address, payment_id, policy, user_id=user_id
            )
            return tried.barred

        assert await barred("here", None) is None
        assert await barred("eve", "there") is None  # who is named like another's address is not meant
        assert await barred("here", "eve") == (BlockKind.USER, "stolen cards")
        assert await barred("there", "eve") == (BlockKind.ADDRESS, "a robot")


@pytest.mark.row("PAY-25", partly="what becomes of a review: tests/workflows/test_judge.py")
async def test_the_attempt_after_too_many_is_only_authorised_and_reviewed(
    quiet: None, databases: Databases, temporal_address: str, temporal: Client, sandbox_url: str
) -> None:
    async with (
        front(databases, temporal_address, temporal, sandbox_url, review_attempts=2) as stack,
        stack.working(),
    ):
        shop = await stack.shop()
        bookings = [await stack.book(shop) for _ in range(3)]
        paid = [await stack.pay(booking) for booking in bookings]
        await stack.wait_for(bookings[1], "confirmed")
        await stack.wait_for(bookings[2], "payment_review")

        asked = "select review, manual from payments where id = $1::text::uuid"
        rows = [await stack.rows(asked, each["payment_id"]) for each in paid]

    assert [[*row.values()] for [row] in rows] == [[False, False], [False, False], [True, True]]


@pytest.mark.row("PAY-25", partly="the review itself: tests/workflows")
class TestBlocked:
    async def block(self, door: Door, kind: BlockKind, subject: str) -> None:
        async with door.databases.app.tenant(door.shop.tenant_id) as connection:
            await limit.block(
                connection, door.shop.tenant_id, kind, subject, reason="stolen cards", by="user:op"
            )

    async def test_a_blocked_user_gets_403_and_the_reason_is_for_the_log(
        self, door: Door, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await self.block(door, BlockKind.USER, "mallory")

        blocked, other = await listed(door, "mallory"), await listed(door, "ada")

        assert (blocked.status_code, blocked.json()["code"]) == (403, "forbidden")
        assert "stolen" not in blocked.text
        assert "stolen cards" in capsys.readouterr().out
        assert other.status_code == 200

    async def test_a_blocked_address_may_not_pay(self, door: Door) -> None:
        async with limited(door) as here, limited(door, "203.0.113.9") as there:
            booking = await here.book()
            mark = here.app.state.house.limits.mark("198.51.100.7")
            await self.block(door, BlockKind.ADDRESS, mark)

            blocked = await paid(here, booking.token, booking.id)
            elsewhere = await paid(there, booking.token, booking.id)

        assert (blocked.status_code, elsewhere.status_code) == (403, 503)

    async def test_operators_block_a_user_or_the_address_of_a_payment_and_take_it_back(
        self, door: Door
    ) -> None:
        operator = door.user("op", ["admin"])
        async with limited(door) as asked:
            first, second = await asked.book(), await asked.book()
            await paid(asked, first.token, first.id)
            payment_id = await door.judge.fetchval("select payment_id from payment_tries")

            async def block(**wish: str) -> httpx2.Response:
                return await asked.http.post("/api/v1/admin/blocks", json=wish, headers=operator)

            assert (await block(reason="nobody")).status_code == 422
            assert (await block(payment_id=str(uuid4()), reason="unknown")).status_code == 404
            assert (await block(user_id="mallory", reason="stolen cards")).status_code == 201
            address = await block(payment_id=str(payment_id), reason="a robot")
            refused = await paid(asked, second.token, second.id)
            listed = (await asked.get("/admin/blocks", operator)).json()["items"]
            lifted = [
                await asked.http.delete(f"/api/v1/admin/blocks/{path}", headers=operator)
                for path in (f"address/{address.json()['subject']}", "user/mallory", "user/mallory")
            ]
            allowed = await paid(asked, second.token, second.id)

        assert (address.json()["kind"], address.json()["blocked_by"]) == ("address", "user:op")
        assert [(each["kind"], each["reason"]) for each in listed] == [
            ("address", "a robot"),
            ("user", "stolen cards"),
        ]
        assert [answer.status_code for answer in lifted] == [204, 204, 404]
        assert (refused.status_code, allowed.status_code) == (403, 503)
        acts = await door.judge.fetch("select action, actor from audit_entries order by id")
        assert [tuple(act) for act in acts] == [
            *[("block.set", "user:op")] * 2,
            *[("block.lifted", "user:op")] * 2,
        ]

    async def test_a_block_is_taken_back_and_is_its_tenants_own(self, databases: Databases) -> None:
        mine, theirs = TenantId(uuid7()), TenantId(uuid7())
        async with databases.app.tenant(mine) as connection:
            await limit.block(connection, mine, BlockKind.USER, "eve", reason="first", by="op")
            await limit.block(connection, mine, BlockKind.USER, "eve", reason="second", by="op")
            assert await limit.blocked(connection, mine, BlockKind.USER, "eve") == "second"
            assert await limit.blocked(connection, theirs, BlockKind.USER, "eve") is None
            assert await limit.unblock(connection, mine, BlockKind.USER, "eve")
            assert not await limit.unblock(connection, mine, BlockKind.USER, "eve")


class TestAddress:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "client"),
        [
            ("198.51.100.7", "", "198.51.100.7"),
            ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # nobody of ours says so
            ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "192.0.2.1, 203.0.113.9", "203.0.113.9"),  # the first one wrote the client itself
            ("10.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
            ("10.0.0.1", "unknown", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.9, evil", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ],
    )
    async def test_only_named_proxies_say_where_a_request_comes_from(
        self, door: Door, peer: str, forwarded: str, client: str
    ) -> None:
        async with limited(door, peer, trusted_proxies="10.0.0.0/8") as asked:
            booking = await asked.book()
            await paid(asked, booking.token, booking.id, **{"X-Forwarded-For": forwarded})

        noted = await door.judge.fetchval("select ip_address from payment_wishes")
        assert noted == client

    @pytest.mark.parametrize(
        ("client", "counted"),
        [
            ("198.51.100.7", "198.51.100.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("", ""),
        ],
    )
    def test_a_network_of_ipv6_counts_as_one(self, client: str, counted: str) -> None:
        assert network(client) == counted

    async def test_no_address_is_written_down(self, door: Door) -> None:
        async with limited(door, rate_anonymous=5, rate_payments=5) as asked:
            booking = await asked.book()
            await paid(asked, booking.token, booking.id)

        rows = await door.judge.fetch(
            "select subject as it from rate_limits union select address from payment_tries"
        )
        assert rows
        assert all("198.51" not in row["it"] for row in rows)


@pytest.mark.row("SEC-03", partly="TLS and cookies")
class TestOtherOrigins:
    async def test_a_listed_origin_may_ask_with_credentials(self, door: Door) -> None:
        async with limited(door, cors_origins="https://shop.example, https://other.example") as asked:
            first = await asked.http.options("/api/v1/bookings", headers=ASKING)
            answer = await asked.get("/bookings", {"Origin": "https://shop.example"})

        assert first.status_code == 200
        assert first.headers["access-control-allow-origin"] == "https://shop.example"
        assert first.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert "RateLimit" in answer.headers["access-control-expose-headers"]

    @pytest.mark.parametrize("origins", ["", "https://shop.example.evil"])
    async def test_any_other_is_told_nothing(self, door: Door, origins: str) -> None:
        async with limited(door, cors_origins=origins) as asked:
            answer = await asked.get("/bookings", {"Origin": "https://shop.example"})

        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/bookings", "/api/v1/webhooks/stripe"])
async def test_a_body_that_does_not_come_is_not_waited_for(door: Door, path: str) -> None:
    app = create_app(door.settings.model_copy(update={"body_seconds": 1}))
    listening = free_socket()
    async with serving(app, listening):
        host, port = address(listening).removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: {door.key['Authorization']}\r\nContent-Length: 100\r\n\r\n{{".encode()
        )
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"too_slow"' in answer
