"""What of a payment is whose is decided once, before anybody is asked; refunds take from each what it has."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from db import split
from db.booking.place import place
from db.booking.read import Booking
from db.payment import attempt, fold, read as payments
from db.refund import intent, outcome, read as refunds
from db.refund.read import Refund
from domain.ids import PaymentId, RefundId
from domain.money import Money
from domain.payment import CreatePayment, FactKind, StartPayment
from domain.refund import RefundPayment, RefundStatus
from domain.route import AccountName
from domain.split import Portion, Share, in_proportion
from tests.support.database import Databases, superuser
from tests.support.shop import fact_of, open_shop

OURS, THEIRS = "provider_clearing:adyen:main", "vendor_clearing:adyen:main"
SHARES = (
    Share(vendor="boat", basis_points=6_000, commission_basis_points=1_000),
    Share(vendor="lunch", basis_points=1_500),
)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


async def divided(databases: Databases, **payees: str) -> tuple[Booking, PaymentId, tuple[Portion, ...]]:
    """Give a payment of 100.00 EUR at Adyen, of which vendors with a balance there have their portions."""
    shop = await open_shop(databases.app, minor=10_000)
    booking = (await place(databases.app, shop.placement())).booking
    async with databases.app.tenant(shop.tenant_id) as connection:
        for vendor, payee in payees.items():
            await split.put_payee(
                connection, shop.tenant_id, vendor, provider="adyen", account="main", payee=payee
            )
    payment_id = PaymentId(uuid7())
    wish = StartPayment(
        payment_id=payment_id,
        provider="adyen",
        account="main",
        amount=booking.due,
        return_url="https://shop.example/back",
        shares=SHARES,
    )
    ask = CreatePayment(
        tenant_id=shop.tenant_id, booking_id=booking.id, reference=booking.reference, wish=wish
    )
    async with databases.payment.tenant(shop.tenant_id) as connection:
        await attempt.create(connection, ask)
    return booking, payment_id, await divide(databases, booking, payment_id)


async def divide(databases: Databases, booking: Booking, payment_id: PaymentId) -> tuple[Portion, ...]:
    async with databases.payment.tenant(booking.tenant_id) as connection:
        return await split.divide(
            connection, booking.tenant_id, payment_id, booking.due, SHARES, provider="adyen", account="main"
        )


async def put(
    databases: Databases,
    booking: Booking,
    payee: str,
    *,
    vendor: str = "boat",
    provider: str = "adyen",
    account: str = "main",
) -> None:
    """Open a balance for a vendor, or another one in its place."""
    async with databases.app.tenant(booking.tenant_id) as connection:
        await split.put_payee(
            connection, booking.tenant_id, vendor, provider=provider, account=account, payee=payee
        )


async def undivided(databases: Databases) -> None:
    """Have payments as they are before they are divided."""
    async with superuser(databases.urls) as judge:
        await judge.execute("update payments set portions = null")


async def taken(databases: Databases, booking: Booking, payment_id: PaymentId, minor: int = 10_000) -> None:
    fact = fact_of(booking, payment_id, FactKind.CAPTURED, minor=minor)
    async with databases.payment.tenant(booking.tenant_id) as connection:
        await fold.record(connection, booking.tenant_id, payment_id, [fact])


async def refund(databases: Databases, booking: Booking, payment_id: PaymentId, minor: int | None) -> Refund:
    wish = RefundPayment(
        tenant_id=booking.tenant_id,
        booking_id=booking.id,
        payment_id=payment_id,
        refund_id=RefundId(uuid7()),
        amount=None if minor is None else eur(minor),
        cause="goodwill",
    )
    async with databases.payment.tenant(booking.tenant_id) as connection:
        return await intent.ask(connection, wish)


async def row(databases: Databases, booking: Booking, payment_id: PaymentId) -> payments.Payment:
    async with databases.payment.tenant(booking.tenant_id) as connection:
        return await payments.find(connection, booking.tenant_id, payment_id)


def minors(portions: tuple[Portion, ...]) -> dict[str | None, int]:
    return {portion.vendor: portion.amount.minor for portion in portions}


async def held(databases: Databases) -> dict[str, int]:
    sql = """
    select account, sum(amount_minor)::bigint as minor from ledger_entries
     where account like '%_clearing:%' group by account
    """
    async with superuser(databases.urls) as judge:
        return {each["account"]: each["minor"] for each in await judge.fetch(sql)}


async def test_vendors_with_a_balance_there_have_their_portions_and_the_rest_is_ours(
    databases: Databases,
) -> None:
    booking, payment_id, portions = await divided(databases, boat="BA1")

    assert portions == (Portion(vendor="boat", payee="BA1", amount=eur(5_400)), Portion(amount=eur(4_600)))
    assert (await row(databases, booking, payment_id)).portions == portions


async def test_a_balance_with_another_account_is_none_with_this_one(databases: Databases) -> None:
    booking, payment_id, _ = await divided(databases)
    for provider, account in (("adyen", "second"), ("stripe", "main")):
        await put(databases, booking, "BA1", provider=provider, account=account)
    await undivided(databases)

    assert await divide(databases, booking, payment_id) == ()


async def test_the_newest_balance_of_a_vendor_counts(databases: Databases) -> None:
    booking, payment_id, _ = await divided(databases)
    for payee in ("BA1", "BA9"):
        await put(databases, booking, payee)
    await undivided(databases)

    boat, _ = await divide(databases, booking, payment_id)
    assert boat.payee == "BA9"


@pytest.mark.parametrize("payees", [{"boat": "BA1"}, {}], ids=["divided", "not divided"])
async def test_what_was_decided_stays_whoever_gets_a_balance_later(
    databases: Databases, payees: dict[str, str]
) -> None:
    booking, payment_id, first = await divided(databases, **payees)
    for vendor in ("boat", "lunch"):
        await put(databases, booking, "BA9", vendor=vendor)

    assert await divide(databases, booking, payment_id) == first


async def test_a_payment_that_turns_to_another_account_is_divided_anew(databases: Databases) -> None:
    booking, payment_id, _ = await divided(databases, boat="BA1")
    async with databases.payment.tenant(booking.tenant_id) as connection:
        stands = await attempt.find(connection, booking.tenant_id, payment_id)
        there = AccountName(provider="stripe", name="default")
        turned = await attempt.turn_to(connection, stands, booking.tenant_id, there, calls=1)

    assert turned is not None
    assert turned.portions is None
    assert (await row(databases, booking, payment_id)).portions is None


async def test_a_part_that_is_taken_is_divided_as_the_whole_was(databases: Databases) -> None:
    booking, payment_id, portions = await divided(databases, boat="BA1", lunch="BA2")
    part = in_proportion(eur(5_000), portions)
    async with databases.payment.tenant(booking.tenant_id) as connection:
        await attempt.ask_to_capture(connection, booking.tenant_id, payment_id, eur(5_000), part)
    assert (await row(databases, booking, payment_id)).portions == part

    await taken(databases, booking, payment_id, 5_000)

    assert await held(databases) == {
        "provider_clearing:adyen:main": 1_550,
        "vendor_clearing:adyen:main": 3_450,
    }
    back = await refund(databases, booking, payment_id, 1_000)
    assert minors(back.portions) == {"boat": 540, "lunch": 150, None: 310}


@pytest.mark.row("PAY-20", partly="a refund takes from each in proportion to what is left")
async def test_refunds_take_from_each_in_proportion_and_all_in_the_end(databases: Databases) -> None:
    booking, payment_id, _ = await divided(databases, boat="BA1", lunch="BA2")
    await taken(databases, booking, payment_id)

    asked = [await refund(databases, booking, payment_id, minor) for minor in (3_333, 3_333, None)]

    given: dict[str | None, int] = {}
    for each in asked:
        assert sum(minors(each.portions).values()) == each.amount.minor
        for vendor, minor in minors(each.portions).items():
            given[vendor] = given.get(vendor, 0) + minor
    assert minors(asked[0].portions) == {"boat": 1_800, "lunch": 500, None: 1_033}
    assert given == {"boat": 5_400, "lunch": 1_500, None: 3_100}


async def test_a_refund_that_is_divided_again_takes_the_same_from_each(databases: Databases) -> None:
    booking, payment_id, _ = await divided(databases, boat="BA1", lunch="BA2")
    await taken(databases, booking, payment_id)
    asked = await refund(databases, booking, payment_id, None)

    async with databases.payment.tenant(booking.tenant_id) as connection:
        await split.give(connection, booking.tenant_id, asked.id)
        again = await refunds.find(connection, booking.tenant_id, asked.id)

    assert again.portions == asked.portions


async def test_what_a_failed_refund_was_to_give_is_there_for_the_next(databases: Databases) -> None:
    booking, payment_id, _ = await divided(databases, boat="BA1", lunch="BA2")
    await taken(databases, booking, payment_id)
    first = await refund(databases, booking, payment_id, None)
    await answered(databases, booking, first, RefundStatus.COMPLETED, RefundStatus.FAILED)

    second = await refund(databases, booking, payment_id, None)

    assert second.portions == first.portions
    await answered(databases, booking, second, RefundStatus.COMPLETED)
    assert set((await held(databases)).values()) == {0}


async def answered(databases: Databases, booking: Booking, asked: Refund, *statuses: RefundStatus) -> None:
    async with databases.payment.tenant(booking.tenant_id) as connection:
        for status in statuses:
            await outcome.answered(
                connection, booking.tenant_id, asked.id, status=status, provider_ref=f"psp_{asked.n}"
            )


async def test_what_somebody_gave_back_at_the_provider_is_taken_from_each_too(databases: Databases) -> None:
    booking, payment_id, _ = await divided(databases, boat="BA1", lunch="BA2")
    await taken(databases, booking, payment_id)
    fact = fact_of(booking, payment_id, FactKind.REFUNDED)

    async with databases.payment.tenant(booking.tenant_id) as connection:
        await fold.record(connection, booking.tenant_id, payment_id, [fact])

    assert set((await held(databases)).values()) == {0}


async def test_payees_are_their_tenants_alone(databases: Databases) -> None:
    await divided(databases, boat="BA1")
    _, _, portions = await divided(databases)

    assert portions == ()


def test_portions_are_read_as_they_were_written() -> None:
    portions = (Portion(vendor="boat", payee="BA1", amount=eur(5_400)), Portion(amount=eur(4_600)))
    column: Any = split.written(portions)

    assert split.read(column) == portions
    assert split.read(None) is None
