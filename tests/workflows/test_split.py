"""A booking whose vendors share its price: in the books, and at a provider that divides the money for us."""

import pytest

from db import split
from domain.catalog import SalesTerms
from domain.split import Share
from tests.support.adyen import balance, open_balance
from tests.support.check import violations
from tests.support.stack import Booked, Stack
from tests.workflows.test_refund import give_back, until

# Of 50.00 the boat gets 30.00 less 3.00, the kitchen 7.50; 12.50 are the organizer's, less a fee of 5 %.
SHARED = SalesTerms(
    shares=(
        Share(vendor="boat", basis_points=6_000, commission_basis_points=1_000),
        Share(vendor="kitchen", basis_points=1_500),
    )
)
EARNED = """
select account, -sum(amount_minor)::bigint as minor from ledger_entries
 where account like '%payable%' or account = 'platform_fee' group by account having sum(amount_minor) <> 0
"""
HELD = """
select split_part(account, ':', 1) as account, sum(amount_minor)::bigint as minor from ledger_entries
 where account like '%_clearing:%' group by 1
"""


async def at_adyen(stack: Stack, *vendors: str) -> tuple[Stack, Booked, dict[str, str]]:
    """Give a booking of two places that is to be paid at Adyen, where these vendors have a balance."""
    shop = await stack.shop(terms=SHARED, capacity=2)
    stack = await stack.at_adyen(shop)
    balances = {vendor: await open_balance(stack.sandbox, vendor) for vendor in vendors}
    async with stack.databases.app.tenant(shop.tenant_id) as connection:
        for vendor, payee in balances.items():
            await split.put_payee(
                connection, shop.tenant_id, vendor, provider="adyen", account="default", payee=payee
            )
    return stack, await stack.book(shop, quantity=2), balances


async def earned(stack: Stack) -> dict[str, int]:
    return {row["account"]: row["minor"] for row in await stack.rows(EARNED)}


async def held(stack: Stack) -> dict[str, int]:
    return {row["account"]: row["minor"] for row in await stack.rows(HELD)}


async def has(stack: Stack, balances: dict[str, str]) -> dict[str, int]:
    """Say what each vendor has at Adyen, once all that is under way is booked."""
    await stack.sandbox.advance(seconds=5)
    return {vendor: await balance(stack.sandbox, each) for vendor, each in balances.items()}


@pytest.mark.row("PAY-20")
async def test_vendors_get_their_parts_and_a_refund_takes_from_each_in_proportion(stack: Stack) -> None:
    stack, booking, balances = await at_adyen(stack, "boat", "kitchen")

    checkout = await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")

    assert await earned(stack) == {
        "vendor_payable:boat": 2_700,
        "vendor_payable:kitchen": 750,
        "organizer_payable:pending": 1_188,
        "platform_fee": 362,
    }
    assert await has(stack, balances) == {"boat": 2_700, "kitchen": 750}
    assert await held(stack) == {"vendor_clearing": 3_450, "provider_clearing": 1_550}

    await until(stack, await give_back(stack, checkout["payment_id"], 2_500), "completed")
    assert await has(stack, balances) == {"boat": 1_350, "kitchen": 375}
    assert {account: minor for account, minor in (await earned(stack)).items() if "vendor" in account} == {
        "vendor_payable:boat": 1_350,
        "vendor_payable:kitchen": 375,
    }

    await until(stack, await give_back(stack, checkout["payment_id"]), "completed")
    await stack.wait_for(booking, "refunded")
    assert await has(stack, balances) == {"boat": 0, "kitchen": 0}
    assert (await earned(stack), await held(stack)) == ({}, {"vendor_clearing": 0, "provider_clearing": 0})
    assert await violations(stack) == []


async def test_what_a_vendor_without_a_balance_has_earned_is_owed_to_it(stack: Stack) -> None:
    stack, booking, balances = await at_adyen(stack, "boat")

    await stack.pay(booking)
    await stack.wait_for(booking, "confirmed")

    assert (await earned(stack))["vendor_payable:kitchen"] == 750
    assert await has(stack, balances) == {"boat": 2_700}
    assert await held(stack) == {"vendor_clearing": 2_700, "provider_clearing": 2_300}
    assert await violations(stack) == []
