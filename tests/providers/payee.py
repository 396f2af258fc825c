"""Somebody to be paid, with money of theirs at the provider and a test bank account."""

from datetime import timedelta

from domain.money import Money
from domain.split import Portion
from tests.providers.conftest import Desk, MakeOrder, key_of
from tests.providers.test_transfer_contract import funded, payee, transfers_of
from tests.support.adyen import open_balance

SETTLED = timedelta(days=3)
SOME = Money(minor=10_000, currency="USD")
# Any transfer instrument will do at the sandbox's Adyen; one that ends in a test number takes nothing.
BANK = "SE00000000000000000000BANK"
GOOD = "000123456789"


async def with_money(desk: Desk, order: MakeOrder, bank: str = GOOD) -> str:
    """Name somebody who has 100.00 USD at the provider, as it names whom we pay."""
    if desk.gateway.divides:
        return await _divided_off(desk, order, bank)
    await funded(desk, order)
    whom = await payee(desk, bank)
    await transfers_of(desk).transfer(whom, SOME, transfer_id="t1", op_key="t1:transfer:1")
    return whom


async def _divided_off(desk: Desk, order: MakeOrder, bank: str) -> str:
    account = await open_balance(desk.account, "boat")
    whole = order().amount
    theirs, ours = Portion(vendor="boat", payee=account, amount=SOME), Portion(amount=whole - SOME)
    wished = order(portions=(theirs, ours))
    await desk.pay(await desk.gateway.open_checkout(wished, op_key=key_of(wished)))
    await desk.advance(timedelta(seconds=5))
    return f"{account}/{BANK if bank == GOOD else f'SE00000000{bank}'}"
