"""Operators see what was put aside, read it, have it read again or leave it be; each act is written down."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from domain.ids import TenantId
from tests.api.conftest import Door
from tests.api.test_webhook import deliver, event, signed
from tests.support.shop import open_shop

INBOX = "/api/v1/admin/webhook-events"


async def put(door: Door, *, tenant_id: UUID | None = None, **columns: Any) -> UUID:
    """Put an event into the inbox as the door does, and let it be what the test wants."""
    raw = event(id=f"evt_{uuid4().hex}")
    assert (await deliver(door, raw, signed(raw))).status_code == 200
    columns = {"tenant_id": tenant_id, "told_at": None, **columns}
    values = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
    found: UUID = await door.judge.fetchval(
        f"update webhook_events set {values} where event_id = $1 returning id",  # noqa: S608
        json.loads(raw)["id"],
        *columns.values(),
    )
    return found


def operator(door: Door, role: str = "operator", tenant_id: TenantId | None = None) -> dict[str, str]:
    return door.user("grace", [role], tenant_id=tenant_id)


async def act(door: Door, event_id: UUID, what: str, headers: Any, **body: Any) -> httpx2.Response:
    return await door.http.post(f"{INBOX}/{event_id}/{what}", json=body or None, headers=headers)


async def listed(door: Door, headers: Any, query: str = "") -> list[str]:
    answer = await door.http.get(f"{INBOX}?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert not {"body", "tries"} & {name for item in answer.json()["items"] for name in item}
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.row("WHK-10")
async def test_what_was_put_aside_is_listed_by_state_cause_and_kind(door: Door) -> None:
    mine = door.shop.tenant_id
    dead = await put(door, tenant_id=mine, status="dead", cause="unknown_reference", attempts=6)
    parked = await put(door, tenant_id=mine, status="parked", cause="wrong_mode")
    told = await put(door, tenant_id=mine, status="processed")

    headers = operator(door)
    assert await listed(door, headers) == [str(told), str(parked), str(dead)]
    assert await listed(door, headers, "status=dead") == [str(dead)]
    assert await listed(door, headers, "cause=wrong_mode") == [str(parked)]
    assert await listed(door, headers, "provider=stripe&kind=payment_intent.succeeded&status=parked") == [
        str(parked)
    ]
    assert await listed(door, headers, "kind=charge.refunded") == []


async def test_the_list_turns_its_pages(door: Door) -> None:
    ids = [str(await put(door, tenant_id=door.shop.tenant_id, status="dead")) for _ in range(5)]
    headers, seen, cursor = operator(door), list[str](), ""

    while True:
        page = (await door.http.get(f"{INBOX}?limit=2{cursor}", headers=headers)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert seen == ids[::-1]
    assert (await door.http.get(f"{INBOX}?cursor=x", headers=headers)).status_code == 422


@pytest.mark.parametrize(("role", "sees"), [("operator", False), ("admin", False), ("platform", True)])
async def test_what_is_nobodys_yet_is_the_platforms(door: Door, role: str, sees: bool) -> None:
    nobodys = await put(door, status="dead", cause="unknown_reference")
    other = await open_shop(door.databases.app)
    theirs = await put(door, tenant_id=other.tenant_id, status="dead")
    headers = operator(door, role)

    assert await listed(door, headers) == ([str(nobodys)] if sees else [])
    for event_id, seen in ((nobodys, sees), (theirs, False)):
        for path in ("", "/body"):
            answer = await door.http.get(f"{INBOX}/{event_id}{path}", headers=headers)
            assert answer.status_code == (200 if seen else 404)
        for what in ("replay", "ignore"):
            answer = await act(door, event_id, what, headers, reason="looked at")
            assert answer.status_code == (200 if seen else 404)
    untouched = "select status from webhook_events where id = $1"
    assert await door.judge.fetchval(untouched, theirs) == "dead"


async def test_one_event_is_read_with_its_tries_and_its_body_only_on_record(door: Door) -> None:
    tries = [
        {"at": "2026-01-01T10:00:00+00:00", "status": "parked", "cause": "unknown_reference"},
        {"at": "2026-01-01T10:00:02+00:00", "status": "dead", "cause": "unknown_reference"},
    ]
    mine = door.shop.tenant_id
    event_id = await put(door, tenant_id=mine, status="dead", cause="unknown_reference")
    await door.judge.execute(
        "update webhook_events set tries = $2::text::jsonb where id = $1", event_id, json.dumps(tries)
    )
    headers = operator(door)

    shown = (await door.http.get(f"{INBOX}/{event_id}", headers=headers)).json()
    assert [(each["status"], each["cause"]) for each in shown["tries"]] == [
        ("parked", "unknown_reference"),
        ("dead", "unknown_reference"),
    ]
    assert shown["next_at"] is None
    assert await audited(door, event_id) == []

    body = (await door.http.get(f"{INBOX}/{event_id}/body", headers=headers)).json()["body"]
    assert json.loads(body)["id"] == shown["event_id"]
    assert await audited(door, event_id) == [("user:grace", "webhook.read_body")]


@pytest.mark.row("ADM-12", partly="operators modify nothing of a booking yet")
async def test_replay_makes_an_event_due_again_and_says_who_did_it(door: Door) -> None:
    mine = door.shop.tenant_id
    event_id = await put(door, tenant_id=mine, status="dead", cause="unknown_reference", attempts=6)

    first = await act(door, event_id, "replay", operator(door), reason="the payment is there now")
    again = await act(door, event_id, "replay", operator(door))

    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], first.json()["attempts"]) == ("received", 0)
    due = "select told_at is null and next_at <= now() from webhook_events where id = $1"
    assert await door.judge.fetchval(due, event_id)
    assert await audited(door, event_id) == [("user:grace", "webhook.replay")] * 2
    before = "select before->>'status' from audit_entries where subject = $1 order by id limit 1"
    assert await door.judge.fetchval(before, event_id) == "dead"


async def test_an_event_that_nobody_shall_act_on_is_closed_with_its_case(door: Door) -> None:
    raw = event(livemode=True)
    await deliver(door, raw, signed(raw))
    event_id = await door.judge.fetchval("select id from webhook_events")
    headers = operator(door, "platform")
    [case] = (await door.get("/admin/cases?status=open", headers)).json()["items"]
    assert (case["kind"], case["subject"], case["cause"]) == ("webhook", str(event_id), "wrong_mode")

    assert (await act(door, event_id, "ignore", headers)).status_code == 422
    answer = await act(door, event_id, "ignore", headers, reason="a test of the provider's people")

    assert (answer.json()["status"], answer.json()["cause"]) == ("ignored", "by_operator")
    assert (await door.get("/admin/cases?status=open", headers)).json()["items"] == []
    [closed] = (await door.get("/admin/cases?status=closed", headers)).json()["items"]
    assert closed["note"] == "a test of the provider's people"
    again = await act(door, event_id, "ignore", headers, reason="again")
    assert (again.status_code, again.json()["code"]) == (409, "event_closed")


async def test_a_parked_delivery_that_comes_again_opens_no_second_case(door: Door) -> None:
    raw = event(livemode=True)

    for _ in range(3):
        await deliver(door, raw, signed(raw))

    assert await door.judge.fetchval("select count(*) from cases") == 1


async def test_what_is_done_already_is_not_to_be_ignored(door: Door) -> None:
    event_id = await put(door, tenant_id=door.shop.tenant_id, status="processed")

    answer = await act(door, event_id, "ignore", operator(door), reason="too late")

    assert (answer.status_code, answer.json()["code"]) == (409, "event_closed")


async def audited(door: Door, subject: UUID) -> list[tuple[str, str]]:
    rows = await door.judge.fetch(
        "select actor, action from audit_entries where subject = $1 order by id", subject
    )
    return [(row["actor"], row["action"]) for row in rows]
