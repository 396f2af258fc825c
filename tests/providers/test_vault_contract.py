"""What every vault promises: a method is kept once, paid with at once, and given up for good."""

import pytest

from domain.payment import Closing, FactKind
from providers.gateway import Declined, Order, Refused
from providers.vault import Stored, Vault
from tests.providers.conftest import Desk, MakeOrder, key_of

CARD = "pm_card_visa"


def vault_of(desk: Desk) -> Vault:
    vault = desk.gateway.vault
    assert vault is not None
    return vault


async def stored(desk: Desk, token: str = CARD, *, owner: str = "owner-1") -> Stored:
    vault = vault_of(desk)
    customer = await vault.open_customer(owner, op_key=f"{owner}:customer:1")
    kept = await vault.store_method(customer, token, op_key=f"{owner}:{token}:store:1")
    return Stored(customer=customer, token=kept.token)


async def test_the_same_key_makes_one_customer_and_what_is_kept_is_listed(desk: Desk) -> None:
    first = await stored(desk)

    assert await vault_of(desk).open_customer("owner-1", op_key="owner-1:customer:1") == first.customer
    kept = await vault_of(desk).list_methods(first.customer)
    assert [(each.token, each.kind, each.brand, each.last4) for each in kept] == [
        (first.token, "card", "visa", "4242")
    ]
    assert kept[0].expiry_year is not None


async def test_what_is_kept_already_for_this_customer_is_kept(desk: Desk) -> None:
    first = await stored(desk)
    vault = vault_of(desk)

    again = await vault.store_method(first.customer, first.token, op_key="another")

    assert again.token == first.token
    other = await vault.open_customer("owner-2", op_key="owner-2:customer:1")
    with pytest.raises(Refused):
        await vault.store_method(other, first.token, op_key="a third")


async def test_what_the_issuer_will_not_have_is_not_kept(desk: Desk) -> None:
    with pytest.raises(Declined):
        await stored(desk, "pm_card_visa_chargeDeclined")


async def test_given_up_twice_is_given_up(desk: Desk) -> None:
    first = await stored(desk)
    vault = vault_of(desk)

    for n in range(2):
        await vault.forget_method(first.token, op_key=f"forget:{n}")
    await vault.forget_method("pm_never_there", op_key="forget")

    assert list(await vault.list_methods(first.customer)) == []


async def charged(desk: Desk, order: MakeOrder, token: str) -> tuple[Order, set[FactKind], str | None]:
    wished = order(hosted=False, stored=await stored(desk, token))
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    again = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    assert again.provider_ref == opened.provider_ref
    assert opened.client_secret is None
    return wished, {fact.kind for fact in opened.facts}, opened.payment_url


@pytest.mark.row("PAY-44", partly="at the provider; the booking's side is elsewhere")
async def test_a_stored_method_pays_at_once_and_once(desk: Desk, order: MakeOrder) -> None:
    _, kinds, url = await charged(desk, order, CARD)

    assert kinds == {FactKind.CAPTURED}
    assert url is None
    assert [payment["captured"] for payment in await desk.account.payments()] == [59_999]


async def test_a_stored_method_that_is_declined_says_so_and_can_be_closed(
    desk: Desk, order: MakeOrder
) -> None:
    wished, kinds, url = await charged(desk, order, "pm_card_chargeCustomerFail")

    assert FactKind.DECLINED in kinds
    assert FactKind.CAPTURED not in kinds
    assert url is None
    found = await desk.gateway.find_checkout(wished.payment_id)
    assert found is not None
    closing = await desk.gateway.close_checkout(found.provider_ref, op_key=key_of(wished, "close"))
    assert closing is Closing.CLOSED


async def test_where_the_bank_asks_there_is_an_address_to_answer_at(desk: Desk, order: MakeOrder) -> None:
    wished, kinds, url = await charged(desk, order, "pm_card_authenticationRequired")

    assert kinds == {FactKind.REQUIRES_ACTION}
    assert url is not None
    found = await desk.gateway.find_checkout(wished.payment_id)
    assert found is not None
    assert found.payment_url == url
