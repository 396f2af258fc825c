"""An organizer's rules: read, written anew, and what the door makes of them."""

import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.conftest import RETURN, Door
from tests.api.test_registry import add
from tests.support.stack import Booked, bearer

ROUTES = "/api/v1/admin/payment-routes"
AUDIT = "select after from audit_entries where action = 'routes.set'"


async def put(door: Door, *rules: dict[str, Any], role: str = "operator") -> httpx2.Response:
    return await door.http.put(ROUTES, json={"rules": rules}, headers=door.user("olga", [role]))


async def read(door: Door) -> dict[str, Any]:
    answer = await door.http.get(ROUTES, headers=door.user("olga", ["operator"]))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def pay(door: Door, booking: Booked, **wish: Any) -> httpx2.Response:
    return await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": RETURN, **wish},
        headers=bearer(booking.token) | {"Idempotency-Key": uuid4().hex},
    )


def rule(*accounts: str, **about: Any) -> dict[str, Any]:
    nothing = {"offer_id": None, "method": None, "country": None, "currency": None}
    return {"accounts": list(accounts), **nothing, **about}


@pytest.mark.row("PAY-42")
async def test_rules_are_written_read_and_written_down(door: Door) -> None:
    await add(door, "adyen")
    await add(door, "stripe", name="keyless")  # nothing can be asked of it, so it is not shown
    rules = [
        rule("adyen/default", "stripe/default", offer_id=str(door.shop.offer.id), method="card"),
        rule("stripe/default", country="NL", currency="EUR"),
    ]

    written = await put(door, *rules)

    assert written.status_code == 200, written.text
    assert written.json() == await read(door)
    assert await read(door) == {"rules": rules, "accounts": ["stripe/default", "adyen/default"]}
    assert [json.loads(row["after"]) for row in await door.judge.fetch(AUDIT)] == [{"rules": rules}]
    assert (await put(door)).json()["rules"] == []


@pytest.mark.row("PAY-42")
@pytest.mark.parametrize(
    ("rules", "pointer", "code"),
    [
        ([rule("paypal/default")], "/rules/0/accounts/0", "unknown"),
        ([rule("stripe/default", "adyen/default")], "/rules/0/accounts/1", "unknown"),
        ([rule("stripe/default", method="gold")], "/rules/0/method", "unknown"),
        ([rule("stripe/default", offer_id=str(uuid4()))], "/rules/0/offer_id", "unknown"),
        (
            [rule("stripe/default", country="NL"), rule("stripe/default", country="NL")],
            "/rules/1",
            "duplicate",
        ),
    ],
)
async def test_rules_about_what_is_not_there_are_refused(
    door: Door, rules: list[dict[str, Any]], pointer: str, code: str
) -> None:
    before = await door.counts()

    answer = await put(door, *rules)

    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert await door.counts() == before


@pytest.mark.parametrize(
    "broken",
    [
        rule(),
        rule("stripe"),
        rule("stripe/default", country="Holland"),
        rule("stripe/default", currency="euro"),
    ],
)
async def test_what_is_no_rule_is_refused(door: Door, broken: dict[str, Any]) -> None:
    assert (await put(door, broken)).status_code == 422


async def test_buyers_and_staff_neither_read_nor_write_them(door: Door) -> None:
    for headers in (door.key, door.user("ada"), door.user("sam", ["staff"])):
        assert (await door.http.get(ROUTES, headers=headers)).status_code == 403
        assert (await door.http.put(ROUTES, json={"rules": []}, headers=headers)).status_code == 403


@pytest.mark.row("PAY-42")
@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"provider": "adyen"}, "/provider"),
        ({"method": "bizum", "country": "NL"}, "/method"),
        ({"method": "sofort"}, "/method"),
        ({"method": "customer_balance"}, "/method"),
        ({"provider": "stripe", "method": "paypal"}, "/method"),
        ({"provider": "stripe", "country": "ES"}, "/provider"),
    ],
)
async def test_what_the_rules_do_not_offer_is_refused_before_anything_is_written(
    door: Door, wish: dict[str, str], pointer: str
) -> None:
    """Spaniards pay over Adyen here; nobody else does."""
    await add(door, "adyen")
    await put(door, rule("stripe/default"), rule("adyen/default", country="ES"))
    booking = await door.book()
    before = await door.counts()

    refused = await pay(door, booking, **wish)
    with_the_booking = await door.ask(payment={"return_url": RETURN, **wish})

    assert refused.status_code == with_the_booking.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert with_the_booking.json()["errors"][0]["pointer"] == f"/payment{pointer}"
    assert await door.counts() == before


@pytest.mark.row("PAY-42")
@pytest.mark.parametrize(
    "wish", [{}, {"provider": "adyen", "country": "ES"}, {"method": "ideal", "country": "NL"}]
)
async def test_what_the_rules_offer_is_asked_for(door: Door, wish: dict[str, str]) -> None:
    await add(door, "adyen")
    await put(door, rule("stripe/default"), rule("adyen/default", country="ES"))

    answer = await pay(door, await door.book(), **wish)

    assert answer.status_code == 503, answer.text  # every rule holds; nobody is behind this door


@pytest.mark.row("DEP-09")
async def test_an_account_of_the_other_mode_is_never_asked(door: Door) -> None:
    await door.judge.execute("update provider_accounts set mode = 'live'")

    refused = await pay(door, await door.book())

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/provider")
