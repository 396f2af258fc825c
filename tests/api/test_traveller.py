"""Who travels, and what they agree to: each rule is named, what is confidential lies sealed."""

from datetime import timedelta
from typing import Any

import pytest

from domain.catalog import SalesTerms
from domain.consent import ConsentText
from domain.passenger import PassengerRule
from tests.api.conftest import Door
from tests.api.test_checkout import ask, errors, lacks, sell
from tests.support.people import BOTH, DANGEROUS, REACHABLE, traveller

# Who may travel, and who may not: what is changed, where the rule is broken, and which.
TRAVELLERS: list[tuple[list[dict[str, Any]], str, str]] = [
    ([traveller(passport=...)], "/passengers/0/passport", "missing"),
    ([traveller(passport=None)], "/passengers/0/passport", "missing"),
    (
        [traveller(passport={"number": "P1234567", "country": "GB", "expires_on": "2020-01-01"})],
        "/passengers/0/passport/expires_on",
        "too_small",
    ),
    (
        [traveller(passport={"number": "p 1", "country": "GB", "expires_on": "2099-01-01"})],
        "/passengers/0/passport/number",
        "invalid",
    ),
    ([traveller(birth_date="2999-01-01")], "/passengers/0/birth_date", "too_large"),
    ([traveller(birth_date="1850-01-01")], "/passengers/0/birth_date", "too_small"),
    ([traveller(birth_date="1985-02-30")], "/passengers/0/birth_date", "invalid"),
    ([traveller(birth_date=503020800)], "/passengers/0/birth_date", "invalid"),
    ([traveller(birth_date="1985-12-10T00:00:00Z")], "/passengers/0/birth_date", "invalid"),
    ([traveller(nationality="XX")], "/passengers/0/nationality", "invalid"),
    ([traveller(nationality="gb")], "/passengers/0/nationality", "invalid"),
    ([traveller(type="pilot")], "/passengers/0/type", "not_allowed"),
    ([traveller(type="adult")], "/passengers", "invalid"),
    ([traveller(), traveller()], "/passengers", "invalid"),
    ([traveller(), traveller(type="adult"), traveller(type="child")], "/passengers", "too_long"),
    ([traveller(given_name="  ")], "/passengers/0/given_name", "too_short"),
    ([traveller(family_name=...)], "/passengers/0/family_name", "missing"),
    ([traveller(family_name="4242 4242 4242 4242")], "/passengers/0/family_name", "card_number"),
    ([traveller(seat="1A")], "/passengers/0/seat", "unknown_field"),
    ([], "/passengers", "too_short"),
]


@pytest.mark.row("SAG-14")
async def test_each_broken_rule_of_the_passengers_is_named_and_nothing_is_written(door: Door) -> None:
    await sell(door)
    booking = await door.book(lines=[{"variant_id": str(door.shop.variant.id), "quantity": 2}])
    counts = await door.counts()

    for passengers, pointer, code in TRAVELLERS:
        answer = await ask(door, booking, "PUT", "/passengers", {"passengers": passengers})

        assert (pointer, code) in errors(answer), (passengers, answer.text)
    assert await door.counts() == counts


@pytest.mark.row("SAG-14")
async def test_inside_the_country_nobody_needs_a_passport(door: Door) -> None:
    await sell(door, SalesTerms(passengers=PassengerRule.DOMESTIC))
    booking = await door.book(contact=REACHABLE)

    answer = await ask(door, booking, "PUT", "/passengers", {"passengers": [traveller(passport=...)]})

    assert answer.status_code == 200, answer.text
    assert await lacks(door, booking) == []


@pytest.mark.row("SAG-14")
async def test_passengers_are_shown_to_their_buyer_but_for_the_passport_and_replaced_as_one(
    door: Door,
) -> None:
    await sell(door)
    booking = await door.book(lines=[{"variant_id": str(door.shop.variant.id), "quantity": 2}])
    both = [traveller(), traveller(type="child", given_name="Byron", birth_date="2019-05-12")]

    await ask(door, booking, "PUT", "/passengers", {"passengers": both})
    await ask(door, booking, "PUT", "/passengers", {"passengers": both[:1]})

    [shown] = (await ask(door, booking, "GET", "/passengers")).json()["items"]
    assert shown["birth_date"] == "1985-12-10"
    assert shown["passport"] == {"number_end": "567", "country": "GB", "expires_on": "2099-06-30"}


@pytest.mark.row("SAG-14")
async def test_who_may_travel_then_is_looked_at_again_when_another_time_is_chosen(door: Door) -> None:
    shop = await sell(door)
    start = shop.slot.starts_at + timedelta(days=30)
    later = await shop.add_slot(5, starts_at=start, ends_at=start + timedelta(hours=1), sales_until=start)
    soon_over = {"number": "P1234567", "country": "GB", "expires_on": f"{start - timedelta(days=9):%Y-%m-%d}"}
    booking = await door.book(contact=REACHABLE)
    named = await ask(door, booking, "PUT", "/passengers", {"passengers": [traveller(passport=soon_over)]})
    counts = await door.counts()

    answer = await ask(door, booking, "PATCH", "", {"slot_id": str(later.id)})

    assert named.status_code == 200
    assert errors(answer) == [("/passengers/0/passport/expires_on", "too_small")]
    assert await door.counts() == counts
    assert (await ask(door, booking, "GET", "")).json()["slot_id"] == str(shop.slot.id)


async def test_what_is_confidential_lies_sealed_and_bound_to_its_row(door: Door) -> None:
    await sell(door)
    mine, theirs = [await door.book(contact=REACHABLE) for _ in range(2)]
    for booking in (mine, theirs):
        await ask(door, booking, "PUT", "/passengers", {"passengers": [traveller()]})

    dump = str(await door.judge.fetch("select p::text, b::text from passengers p, bookings b"))
    for confidential in ("P1234567", "1985-12-10", REACHABLE["phone"]):
        assert confidential not in dump
    assert (await ask(door, mine, "GET", "")).json()["contact"]["phone"] == REACHABLE["phone"]

    await door.judge.execute(
        "update passengers set passport = (select passport from passengers where booking_id = $1)", mine.id
    )
    assert (await ask(door, mine, "GET", "/passengers")).status_code == 200
    assert (await ask(door, theirs, "GET", "/passengers")).status_code == 500


@pytest.mark.row("SAG-15", partly="the wish to pay: tests/workflows/test_checkout.py")
async def test_what_was_agreed_to_is_kept_with_version_time_and_address_and_stays(door: Door) -> None:
    await sell(door)
    booking = await door.book()

    first = await ask(door, booking, "POST", "/consents", {"consents": BOTH[:1]})
    again = await ask(door, booking, "POST", "/consents", {"consents": BOTH})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["items"][0] == first.json()["items"][0]
    [row] = await door.judge.fetch("select * from consents where code = 'dangerous_goods'")
    assert (row["version"], row["address"]) == (DANGEROUS.version, "127.0.0.1")
    assert row["agreed_at"] is not None


@pytest.mark.row("SAG-15", partly="the wish to pay: tests/workflows/test_checkout.py")
async def test_a_text_is_agreed_to_in_the_version_that_is_asked_for_and_no_other(door: Door) -> None:
    await sell(door)
    booking = await door.book()

    old = await ask(door, booking, "POST", "/consents", {"consents": [{"code": "carriage", "version": "2"}]})
    none = await ask(
        door, booking, "POST", "/consents", {"consents": [{"code": "newsletter", "version": "1"}]}
    )

    assert errors(old) == [("/consents/0/version", "not_allowed")]
    assert errors(none) == [("/consents/0/code", "unknown")]
    assert await door.judge.fetchval("select count(*) from consents") == 0


async def test_the_texts_are_those_the_booking_was_accepted_under(door: Door) -> None:
    shop = await sell(door)
    booking = await door.book()
    newer = SalesTerms(consents=(ConsentText(code="carriage", version="4", text="More."),))
    await door.judge.execute(
        "update offers set terms = $1::text::jsonb where id = $2", newer.model_dump_json(), shop.offer.id
    )

    texts = (await ask(door, booking, "GET", "/checkout")).json()["consents"]

    assert {text["code"]: text["version"] for text in texts}["carriage"] == "3"
