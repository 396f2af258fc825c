"""The history of payments: each filter and page gives exactly its rows, and nobody else's are there."""

from typing import Any
from uuid import uuid4

import pytest

from domain.payment import FactKind
from tests.api.conftest import Door
from tests.api.test_look import found
from tests.support.shop import keep, open_shop, pay
from tests.support.stack import Booked, bearer

# Day of October, state, and who paid.
FIXTURE = [
    (1, "captured", "ada"),
    (2, "failed", "ada"),
    (3, "captured", "bob"),
    (4, "pending", "ada"),
    (5, "captured", "ada"),
]


async def payments_of(door: Door) -> list[str]:
    """Write the fixture; gives the payments' ids in its order."""
    made = []
    for day, status, user in FIXTURE:
        booking: Booked = await door.book({**door.user(user), **door.through()})
        row = await found(door, booking)
        await keep(door.databases.app, row)
        payment_id = await pay(door.databases.payment, row, kind=FactKind(status))
        await door.judge.execute(
            "update payments set created_at = make_timestamptz(2026, 10, $2, 12, 0, 0, 'UTC'), "
            "user_id = $3 where id = $1",
            payment_id,
            day,
            user,
        )
        made.append(str(payment_id))
    return made


async def listed(door: Door, path: str, who: dict[str, str], **query: Any) -> list[str]:
    """Turn all pages."""
    ids, cursor = [], None
    while True:
        asked = query | ({"cursor": cursor} if cursor else {})
        answer = await door.http.get(f"/api/v1{path}", params=asked, headers=who)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids += [item["id"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            return ids


@pytest.mark.row("PAY-37")
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"limit": 2}, [4, 3, 2, 1, 0]),
        ({"limit": 5}, [4, 3, 2, 1, 0]),
        ({"status": "captured"}, [4, 2, 0]),
        ({"status": "captured", "limit": 1}, [4, 2, 0]),
        ({"from": "2026-10-03T12:00:00Z"}, [4, 3, 2]),
        ({"to": "2026-10-03T12:00:00Z"}, [1, 0]),
        ({"from": "2026-10-02T00:00:00Z", "to": "2026-10-05T00:00:00Z", "status": "captured"}, [2]),
        ({"status": "expired"}, []),
    ],
)
async def test_each_filter_and_page_gives_exactly_its_rows(
    door: Door, query: dict[str, Any], wanted: list[int]
) -> None:
    made = await payments_of(door)

    assert await listed(door, "/admin/transactions", door.user("olga", ["operator"]), **query) == [
        made[place] for place in wanted
    ]
    assert await listed(door, "/payments", door.user("ada"), **query) == [
        made[place] for place in wanted if FIXTURE[place][2] == "ada"
    ]


@pytest.mark.row("PAY-37")
async def test_anothers_payment_and_anothers_tenant_read_like_none(door: Door) -> None:
    made = await payments_of(door)
    other = await open_shop(door.databases.app)
    path = f"/api/v1/payments/{made[0]}"
    strangers = [
        door.user("bob"),
        door.user("ada", tenant_id=other.tenant_id),
        door.user("olga", ["operator"], tenant_id=other.tenant_id),
        bearer((await door.book()).token),
    ]

    answers = [await door.http.get(path, headers=who) for who in strangers]
    answers.append(await door.http.get(f"/api/v1/payments/{uuid4()}", headers=door.user("ada")))
    mine = await door.http.get(path, headers=door.user("ada"))

    assert {answer.status_code for answer in answers} == {404}
    assert mine.json()["transaction_reference"].startswith("PAY-")
    assert "risk_score" not in mine.json()
    foreign = door.user("olga", ["operator"], tenant_id=other.tenant_id)
    assert await listed(door, "/admin/transactions", foreign) == []


async def test_a_cursor_that_is_not_ours_is_refused(door: Door) -> None:
    answer = await door.http.get("/api/v1/payments?cursor=x", headers=door.user("ada"))

    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "cursor")


@pytest.mark.row("PAY-08", partly="the other routes: tests/api/test_intent.py, tests/api/test_refund.py")
@pytest.mark.parametrize("what", ["cancel", "capture"])
async def test_what_becomes_of_a_payment_is_said_under_a_key_by_whose_it_is(door: Door, what: str) -> None:
    booking = await found(door, await door.book())
    payment_id = await pay(door.databases.payment, booking, kind=FactKind.AUTHORIZED)
    address = f"/api/v1/payments/{payment_id}/{what}"
    organizer = door.user("olga", ["organizer"])

    keyless = await door.http.post(address, headers=organizer)
    strangers = [
        await door.http.post(address, headers={**door.user("eve"), "Idempotency-Key": "one"}),
        await door.http.post(
            f"/api/v1/payments/{uuid4()}/{what}", headers={**organizer, "Idempotency-Key": "one"}
        ),
    ]

    assert (keyless.status_code, keyless.json()["code"]) == (400, "key_missing")
    assert [answer.status_code for answer in strangers] == [404 if what == "cancel" else 403, 404]


@pytest.mark.parametrize(
    ("kind", "minor", "status"),
    [
        (FactKind.CANCELLED, None, 200),
        (FactKind.CAPTURED, None, 409),
        (FactKind.AUTHORIZED, None, 503),
        (FactKind.AUTHORIZED, 1, 503),  # conflicted, and held at the provider
    ],
)
async def test_the_run_is_asked_to_let_go_what_is_still_held(
    door: Door, kind: FactKind, minor: int | None, status: int
) -> None:
    booking = await found(door, await door.book())
    payment_id = await pay(door.databases.payment, booking, kind=kind, minor=minor)

    answer = await door.http.post(
        f"/api/v1/payments/{payment_id}/cancel",
        headers={**door.user("olga", ["organizer"]), "Idempotency-Key": "one"},
    )

    assert answer.status_code == status, answer.text
