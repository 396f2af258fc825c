"""What can be bought, what is left of it, and what a choice costs."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.catalog import SaleStatus
from tests.api.conftest import Door
from tests.support.shop import open_shop


async def test_offers_variants_and_slots_are_shown_with_what_is_left(door: Door) -> None:
    vip = await door.shop.add_variant(9_900, quota=4, name="VIP")
    await door.book(lines=[{"variant_id": str(vip.id), "quantity": 3}])

    offers = (await door.get("/offers", door.key)).json()["items"]
    offer = (await door.get(f"/offers/{offers[0]['id']}", door.key)).json()
    slots = (await door.get(f"/offers/{offers[0]['id']}/slots", door.key)).json()

    assert [(each["name"], each["currency"], each["on_sale"]) for each in offers] == [
        ("Guided tour", "EUR", True)
    ]
    assert [(each["name"], each["left"], each["price"]["minor"]) for each in offer["variants"]] == [
        ("Adult", None, 2_500),
        ("VIP", 1, 9_900),
    ]
    [slot] = slots["items"]
    assert (slot["id"], slot["left"], slot["on_sale"]) == (str(door.shop.slot.id), 7, True)
    assert slots["next_from"] is None


async def test_slots_are_listed_by_their_start_page_by_page(door: Door) -> None:
    first = door.shop.slot.starts_at
    starts = [first + timedelta(days=day) for day in range(1, 4)]
    for start in starts:
        await door.shop.add_slot(5, starts_at=start, ends_at=start + timedelta(hours=1))
    path = f"/api/v1/offers/{door.shop.offer.id}/slots"

    async def page(**query: Any) -> tuple[list[datetime], str | None]:
        answer = (await door.http.get(path, params=query, headers=door.key)).json()
        return [datetime.fromisoformat(item["starts_at"]) for item in answer["items"]], answer["next_from"]

    shown, following = await page(limit=3)
    rest, end = await page(limit=3, **{"from": following})

    assert shown + rest == [first, *starts]
    assert end is None
    assert (await page(to=starts[0].isoformat()))[0] == [first]
    assert (await page(**{"from": starts[2].isoformat(), "to": starts[2].isoformat()}))[0] == []


async def test_slots_may_be_asked_for_from_any_instant_that_can_be_written(door: Door) -> None:
    path = f"/api/v1/offers/{door.shop.offer.id}/slots"

    for instant in ("0002-01-01T00:00:00+14:00", "9998-12-31T23:59:59-14:00"):
        answer = await door.http.get(path, params={"from": instant}, headers=door.key)

        assert (answer.status_code, answer.json()["items"]) == (200, []), instant


async def test_what_is_hidden_is_not_there(door: Door) -> None:
    await door.judge.execute("update offers set status = 'draft'")
    other = await open_shop(door.databases.app)

    assert (await door.get("/offers", door.key)).json() == {"items": []}
    for offer_id in (door.shop.offer.id, other.offer.id, uuid4()):
        assert (await door.get(f"/offers/{offer_id}", door.key)).status_code == 404
        assert (await door.get(f"/offers/{offer_id}/slots", door.key)).status_code == 404


def wish(door: Door, **changes: Any) -> dict[str, Any]:
    body = door.body(contact=...)
    return body | changes


async def test_a_quote_is_booked_at_its_price_though_the_price_has_changed(door: Door) -> None:
    quoted = await door.http.post("/api/v1/quotes", json=wish(door), headers=door.key)
    await door.judge.execute("update variants set price_minor = 99999")
    door.app.state.house.sales._known.clear()

    booked = await door.ask(quote_id=quoted.json()["id"], offer_id=..., slot_id=..., lines=...)

    assert quoted.status_code == 201
    assert quoted.json()["total"] == {"minor": 2500, "currency": "EUR"}
    assert booked.status_code == 201
    assert booked.json()["total"] == {"minor": 2500, "currency": "EUR"}


async def test_an_outdated_quote_is_refused(door: Door) -> None:
    quoted = (await door.http.post("/api/v1/quotes", json=wish(door), headers=door.key)).json()
    await door.judge.execute("update quotes set expires_at = now() - interval '1 second'")

    answer = await door.ask(quote_id=quoted["id"], offer_id=..., slot_id=..., lines=...)

    assert (answer.status_code, answer.json()["code"]) == (409, "quote_outdated")


async def test_another_tenants_quote_is_unknown(door: Door) -> None:
    quoted = (await door.http.post("/api/v1/quotes", json=wish(door), headers=door.key)).json()
    other = await open_shop(door.databases.app)

    answer = await door.ask(door.through(other) | door.user(tenant_id=other.tenant_id), quote_id=quoted["id"], offer_id=..., slot_id=..., lines=...)  # fmt: skip # noqa: E501

    assert answer.status_code == 404
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/quote_id"]


async def test_what_is_not_on_sale_has_no_price(door: Door) -> None:
    past = await door.shop.add_slot(5, sales_until=door.shop.slot.starts_at - timedelta(days=30))
    hidden = await door.shop.add_slot(5, status=SaleStatus.HIDDEN)

    for slot in (past, hidden):
        answer = await door.http.post(
            "/api/v1/quotes", json=wish(door, slot_id=str(slot.id)), headers=door.key
        )

        assert (answer.status_code, answer.json()["code"]) == (409, "sales_closed")
