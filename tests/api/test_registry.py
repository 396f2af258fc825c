"""Which methods a buyer may choose from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db import route, tenant
from db.tenant import Account
from domain.route import AccountName, RouteRule
from tests.api.conftest import Door
from tests.support.stack import bearer

STRIPE, ADYEN = AccountName.parse("stripe/default"), AccountName.parse("adyen/default")
CARDS = {"card", "apple_pay", "google_pay"}


async def add(door: Door, provider: str, *, mode: str = "test", name: str = "default") -> None:
    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        account = Account(provider=provider, name=name, mode=mode)
        await tenant.put_account(connection, door.shop.tenant_id, account, preferred=False)


async def rule(door: Door, *rules: RouteRule) -> None:
    async with door.databases.app.tenant(door.shop.tenant_id) as connection:
        await route.put(connection, door.shop.tenant_id, rules)


async def available(door: Door, headers: dict[str, str] | None = None, **asked: Any) -> dict[str, list[str]]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    answer = await door.get(f"/payment-methods/available?{query}", headers or door.key)
    assert answer.status_code == 200, answer.text
    return {method["id"]: method["providers"] for method in answer.json()["items"]}


@pytest.mark.row("PAY-10")
async def test_the_methods_of_a_country_and_a_currency(door: Door) -> None:
    await add(door, "adyen")

    dutch = await available(door, country="NL", currency="EUR")
    assert dutch.keys() == CARDS | {"ideal", "klarna", "paypal", "sepa_debit"}
    assert (await available(door, country="ES", currency="EUR")).keys() >= {"bizum"}
    assert (await available(door, country="US", currency="USD")).keys() == CARDS | {
        *("afterpay", "klarna", "paypal")
    }
    assert (dutch["ideal"], dutch["sepa_debit"], dutch["paypal"]) == (
        ["stripe", "adyen"],
        ["stripe"],
        ["adyen"],
    )


@pytest.mark.row("PAY-09")
async def test_a_method_tells_what_it_can_do(door: Door) -> None:
    answer = await door.get("/payment-methods/available?country=NL&currency=EUR", door.key)

    shown = {method["id"]: method for method in answer.json()["items"]}
    assert shown["card"] == {
        "id": "card",
        "name": "Card",
        "kind": "card",
        "brands": ["visa", "mastercard", "amex", "maestro"],
        "providers": ["stripe"],
        "two_steps": True,
        "refunds": True,
        "partial_refunds": True,
        "recurring": True,
        "settles_within_days": None,
    }
    assert (shown["ideal"]["two_steps"], shown["sepa_debit"]["settles_within_days"]) == (False, 14)


@pytest.mark.row("PAY-10")
async def test_only_what_the_organizer_has_a_way_to_is_shown(door: Door) -> None:
    """An account of the other mode, one we have no keys of, and one that no rule names, are no way."""
    await add(door, "adyen", mode="live")
    await add(door, "stripe", name="somewhere")
    assert set(map(tuple, (await available(door, country="NL", currency="EUR")).values())) == {("stripe",)}

    await add(door, "adyen")
    await rule(
        door, RouteRule(accounts=(ADYEN, STRIPE), country="NL"), RouteRule(accounts=(ADYEN,), country="ES")
    )

    assert (await available(door, country="NL", currency="EUR"))["card"] == ["adyen", "stripe"]
    assert set(map(tuple, (await available(door, country="ES", currency="EUR")).values())) == {("adyen",)}
    assert (await available(door, country="US", currency="USD"))["card"] == ["stripe", "adyen"]


@pytest.mark.row("PAY-09")
async def test_a_method_with_limits_is_shown_within_them(door: Door) -> None:
    assert "afterpay" in await available(door, country="US", currency="USD", minor=400_000)
    assert "afterpay" not in await available(door, country="US", currency="USD", minor=400_001)


@pytest.mark.row("PAY-10")
async def test_an_offers_own_way_to_pay_counts(door: Door) -> None:
    await add(door, "adyen")
    await rule(door, RouteRule(accounts=(ADYEN,), offer_id=door.shop.offer.id))

    assert (await available(door, currency="EUR", offer_id=door.shop.offer.id))["card"] == ["adyen"]
    assert (await available(door, currency="EUR"))["card"] == ["stripe", "adyen"]


@pytest.mark.row("PAY-43", partly="how it settles: tests/workflows/test_parts.py")
async def test_what_settles_late_is_shown_only_where_it_settles_before_the_sale_is_over(door: Door) -> None:
    soon, later = door.shop.slot, datetime.now(UTC) + timedelta(days=15)
    late = await door.shop.add_slot(
        10, starts_at=later, ends_at=later + timedelta(hours=1), sales_until=later
    )
    offer_id = door.shop.offer.id

    tomorrow = await available(door, currency="EUR", offer_id=offer_id, slot_id=soon.id)
    then = await available(door, currency="EUR", offer_id=offer_id, slot_id=late.id)

    assert "sepa_debit" not in tomorrow
    assert then.keys() - tomorrow.keys() == {"sepa_debit"}


@pytest.mark.row("PAY-09")
async def test_cash_is_shown_to_who_takes_it(door: Door) -> None:
    await add(door, "cash")

    at_the_box_office = await available(door, door.user("cleo", ["cashier"]), currency="EUR")

    assert at_the_box_office["cash"] == ["cash"]
    assert "cash" not in await available(door, currency="EUR")


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("", 422, "currency"),
        ("currency=euro", 422, "currency"),
        ("currency=EUR&country=XX", 422, "country"),
        ("currency=EUR&slot_id=7", 422, "slot_id"),
        ("currency=EUR&slot_id=01a1fedd-185c-7657-8d9a-c50b81260e80", 422, "offer_id"),
    ],
)
async def test_what_cannot_be_understood_is_named(
    door: Door, query: str, status: int, parameter: str
) -> None:
    answer = await door.get(f"/payment-methods/available?{query}", door.key)

    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (status, parameter)


async def test_nobody_sees_it_without_a_key_nor_a_slot_that_is_not_there(door: Door) -> None:
    strange = f"offer_id={door.shop.offer.id}&slot_id={door.shop.offer.id}"

    assert (await door.get("/payment-methods/available?currency=EUR")).status_code == 401
    assert (
        await door.get("/payment-methods/available?currency=EUR", bearer("pk_test_no"))
    ).status_code == 401
    assert (await door.get(f"/payment-methods/available?currency=EUR&{strange}", door.key)).status_code == 404
