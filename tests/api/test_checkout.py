"""The three steps before paying: each kept here, each open to be gone back to, and what they lack."""

from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from domain.catalog import SalesTerms
from tests.api.conftest import RETURN, Door
from tests.support.people import BOTH, FLIGHT, REACHABLE, traveller
from tests.support.shop import Shop, open_shop
from tests.support.stack import Booked, bearer, publishable_key


async def sell(door: Door, terms: SalesTerms = FLIGHT, **wishes: Any) -> Shop:
    """Let the door sell something that asks for more than money."""
    door.shop = await open_shop(door.databases.app, terms=terms, **wishes)
    return door.shop


async def ask(door: Door, booking: Booked, method: str, path: str, body: Any = None) -> httpx2.Response:
    url = f"/api/v1/bookings/{booking.id}{path}"
    return await door.http.request(method, url, json=body, headers=bearer(booking.token))


async def lacks(door: Door, booking: Booked) -> list[tuple[str, str]]:
    answer = await ask(door, booking, "GET", "/checkout")
    assert answer.status_code == 200, answer.text
    return [(error["pointer"], error["code"]) for error in answer.json()["missing"]]


def errors(answer: httpx2.Response, status: int = 422) -> list[tuple[str, str]]:
    assert answer.status_code == status, answer.text
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


@pytest.mark.row("SAG-32", partly="the wish to pay: tests/workflows/test_checkout.py")
async def test_the_steps_are_kept_and_each_says_what_comes_next(door: Door) -> None:
    await sell(door)
    booking = await door.book(contact=REACHABLE | {"phone": None})

    first = (await ask(door, booking, "GET", "/checkout")).json()
    assert (first["step"], first["open"]) == ("passengers", True)
    assert [text["code"] for text in first["consents"]] == ["dangerous_goods", "carriage"]
    assert await lacks(door, booking) == [
        ("/passengers", "missing"),
        ("/contact/phone", "missing"),
        ("/consents/dangerous_goods", "missing"),
        ("/consents/carriage", "missing"),
    ]

    await ask(door, booking, "PUT", "/passengers", {"passengers": [traveller()]})
    await ask(door, booking, "PATCH", "", {"contact": REACHABLE})
    assert (await ask(door, booking, "GET", "/checkout")).json()["step"] == "review"

    await ask(door, booking, "POST", "/consents", {"consents": BOTH})
    assert await lacks(door, booking) == []


@pytest.mark.row("SAG-32", partly="the wish to pay: tests/workflows/test_checkout.py")
async def test_going_back_to_the_choice_keeps_the_passengers_and_prices_anew(door: Door) -> None:
    shop = await sell(door)
    flex = await shop.add_variant(9_900, quota=5, name="Flex")
    booking = await door.book(contact=REACHABLE)
    await ask(door, booking, "PUT", "/passengers", {"passengers": [traveller()]})
    await door.judge.execute("update variants set price_minor = 3000 where id = $1", shop.variant.id)
    door.app.state.house.sales._known.clear()

    lines = [{"variant_id": str(each.id), "quantity": 1} for each in (shop.variant, flex)]
    changed = await ask(door, booking, "PATCH", "", {"lines": lines})

    assert changed.status_code == 200, changed.text
    assert changed.json()["total"]["minor"] == 3_000 + 9_900
    assert changed.json()["expires_at"] == booking.answer["expires_at"]
    assert len((await ask(door, booking, "GET", "/passengers")).json()["items"]) == 1
    assert ("/passengers", "missing") in await lacks(door, booking)
    assert await held(door) == {"slot": 2, "quota": 1}


async def held(door: Door) -> dict[str, int]:
    sql = "select held from counters where id = $1"
    quota = door.shop.variants[-1].quota_id
    return {
        "slot": await door.judge.fetchval(sql, door.shop.slot.id),
        "quota": await door.judge.fetchval(sql, quota),
    }


async def test_another_slot_is_another_hold(door: Door) -> None:
    later = await door.shop.add_slot(1)
    booking = await door.book()

    changed = await ask(door, booking, "PATCH", "", {"slot_id": str(later.id)})

    sql = "select held from counters where id = $1"
    assert changed.json()["slot_id"] == str(later.id)
    assert await door.judge.fetchval(sql, door.shop.slot.id) == 0
    assert await door.judge.fetchval(sql, later.id) == 1


async def test_what_cannot_be_held_leaves_the_booking_as_it_was(door: Door) -> None:
    small = await door.shop.add_slot(1)
    booking = await door.book()
    counts = await door.counts()
    eleven = [{"variant_id": str(door.shop.variant.id), "quantity": 2}]

    full = await ask(door, booking, "PATCH", "", {"slot_id": str(small.id), "lines": eleven})
    dearer = await ask(
        door, booking, "PATCH", "", {"lines": eleven, "expected_total": {"minor": 1, "currency": "EUR"}}
    )

    assert (full.status_code, full.json()["code"]) == (409, "sold_out")
    assert errors(dearer) == [("/expected_total", "price_changed")]
    assert await door.counts() == counts
    assert await door.judge.fetchval("select held from counters where id = $1", door.shop.slot.id) == 1
    assert (await ask(door, booking, "GET", "")).json()["slot_id"] == str(door.shop.slot.id)


async def test_what_is_free_and_what_is_not_do_not_become_each_other(door: Door) -> None:
    child = await door.shop.add_variant(0, name="Child")
    booking = await door.book()

    answer = await ask(door, booking, "PATCH", "", {"lines": [{"variant_id": str(child.id), "quantity": 1}]})

    assert errors(answer) == [("/lines", "not_allowed")]


CHANGES: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"lines": "…"}),
    ("PATCH", "", {"contact": REACHABLE}),
    ("PUT", "/passengers", {"passengers": [traveller()]}),
    ("POST", "/consents", {"consents": BOTH}),
]
CLOSED = [
    ("awaiting_payment", "illegal_move"),
    ("payment_review", "illegal_move"),
    ("confirmed", "illegal_move"),
    ("expired", "hold_ended"),
    ("cancelled", "booking_ended"),
    ("failed", "booking_ended"),
]


@pytest.mark.row("SAG-32", partly="the wish to pay: tests/workflows/test_checkout.py")
@pytest.mark.parametrize(("status", "code"), CLOSED)
async def test_nothing_changes_once_a_payment_has_started(door: Door, status: str, code: str) -> None:
    shop = await sell(door)
    booking = await door.book()
    await door.judge.execute(
        "update bookings set status = $1, confirmed_at = case when $1 = 'confirmed' then now() end", status
    )
    counts = await door.counts()

    for method, path, body in CHANGES:
        wish = body if body != {"lines": "…"} else {"lines": door.body()["lines"]}
        answer = await ask(door, booking, method, path, wish)

        assert (answer.status_code, answer.json()["code"]) == (409, code), (method, path, answer.text)
    assert await door.counts() == counts
    assert await door.judge.fetchval("select held from counters where id = $1", shop.slot.id) == 1


async def test_nothing_changes_when_the_time_is_over_though_nobody_has_noticed(door: Door) -> None:
    booking = await door.book()
    await door.judge.execute("update bookings set expires_at = now() - interval '1 second'")

    answer = await ask(door, booking, "PATCH", "", {"lines": door.body()["lines"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "hold_ended")


WHOLE: dict[str, Any] = {"contact": REACHABLE, "passengers": [traveller()], "consents": BOTH}


class TestAllAtOnce:
    """Passengers and consents may come with the wish to book."""

    async def test_they_are_written_with_the_booking(self, door: Door) -> None:
        await sell(door)

        booking = await door.book(**WHOLE)

        assert await lacks(door, booking) == []
        assert (await ask(door, booking, "GET", "/passengers")).json()["items"][0]["given_name"] == "Ada"

    @pytest.mark.row("SAG-15", partly="the wish to pay: tests/workflows/test_checkout.py")
    @pytest.mark.parametrize(
        ("left_out", "pointer"),
        [("passengers", "/passengers"), ("consents", "/consents/carriage"), ("contact", "/contact/phone")],
    )
    async def test_with_a_payment_nothing_may_be_missing(
        self, door: Door, left_out: str, pointer: str
    ) -> None:
        await sell(door)
        whole = {**WHOLE, "payment": {"return_url": RETURN}}
        without: Any = {"contact": REACHABLE | {"phone": None}}.get(left_out, [])
        counts = await door.counts()

        answer = await door.ask(**{**whole, left_out: without})

        assert (pointer, "missing") in errors(answer)
        assert await door.counts() == counts

    async def test_where_nothing_is_due_nothing_may_be_missing_either(self, door: Door) -> None:
        await sell(door, minor=0)

        assert ("/passengers", "missing") in errors(await door.ask())
        assert (await door.ask(**WHOLE)).status_code == 201


@pytest.mark.row("SAG-24", partly="only mail has a channel of its own yet; no receipts, no wallet passes")
async def test_the_way_of_delivery_is_chosen_kept_and_changed(door: Door) -> None:
    booking = await door.book()
    assert (await ask(door, booking, "GET", "")).json()["delivery"] == "email"

    assert errors(await ask(door, booking, "PATCH", "", {"delivery": "sms"})) == [
        ("/contact/phone", "missing")
    ]
    assert errors(await door.ask(delivery="sms")) == [("/contact/phone", "missing")]
    assert errors(await door.ask(delivery="pigeon")) == [("/delivery", "not_allowed")]

    changed = await ask(door, booking, "PATCH", "", {"delivery": "sms", "contact": REACHABLE})
    assert changed.json()["delivery"] == "sms"
    for way in ("app", "wallet"):
        assert (await ask(door, await door.book(delivery=way), "GET", "")).json()["delivery"] == way


async def test_somebody_elses_checkout_is_not_there(door: Door) -> None:
    await sell(door)
    mine, theirs = await door.book(), await door.book()
    key = bearer(publishable_key(door.shop))

    for method, path, body in [*CHANGES[1:], ("GET", "/checkout", None), ("GET", "/passengers", None)]:
        url = f"/api/v1/bookings/{theirs.id}{path}"
        stranger = await door.http.request(method, url, json=body, headers=bearer(mine.token))
        channel = await door.http.request(method, url, json=body, headers=key)

        assert (stranger.status_code, channel.status_code) == (404, 403), (method, path)


async def test_an_offer_tells_beforehand_what_it_will_ask_for(door: Door) -> None:
    shop = await sell(door, FLIGHT.model_copy(update={"billing_address": True}))

    offer = (await door.get(f"/offers/{shop.offer.id}", door.key)).json()

    assert (offer["passengers"], offer["billing_address"]) == ("international", True)
    assert [text["code"] for text in offer["consents"]] == ["dangerous_goods", "carriage"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["0001-01-01", "9999-12-31"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)
PASSENGER = st.dictionaries(st.sampled_from([*traveller(), "x"]), VALUES, max_size=3).map(
    lambda odd: traveller(**odd)
)
WISHES = {
    ("PUT", "/passengers"): st.fixed_dictionaries({"passengers": VALUES | st.lists(PASSENGER, max_size=2)}),
    ("POST", "/consents"): st.fixed_dictionaries(
        {
            "consents": VALUES
            | st.lists(st.fixed_dictionaries({"code": VALUES, "version": VALUES}), max_size=2)
        }
    ),
    ("PATCH", ""): st.dictionaries(
        st.sampled_from(["slot_id", "lines", "expected_total", "contact", "delivery", "locale", "x"]),
        VALUES,
        max_size=3,
    ),
}


@pytest.mark.parametrize(("method", "path"), WISHES)
async def test_no_body_whatever_is_a_defect(door: Door, method: str, path: str) -> None:
    await sell(door)
    booking = await door.book()
    bodies: list[Any] = []

    @settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(WISHES[method, path])
    def draw(body: Any) -> None:
        bodies.append(body)

    draw()
    for body in bodies:
        answer = await ask(door, booking, method, path, body)

        assert answer.status_code in (200, 201, 400, 404, 422), (body, answer.text)
