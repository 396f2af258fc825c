"""What every vault promises: a method is kept once, paid with at once, and given up for good."""

import pytest

from domain.payment import Closing, FactKind, PaymentStatus, fold
from providers.gateway import Declined, Opened, Order, Refused
from providers.vault import Stored, Vault
from tests.providers.conftest import Desk, MakeOrder, desks, key_of

KEEPERS = ("stripe", "adyen")
# At some our call has the issuer asked; at another the page on which the card was typed.
ASKS_THE_ISSUER = pytest.mark.parametrize("desk", ["stripe"], indirect=True)
desk = desks(*KEEPERS)


def vault_of(desk: Desk) -> Vault:
    vault = desk.gateway.vault
    assert vault is not None
    return vault


async def stored(desk: Desk, card: str = "visa", *, owner: str = "owner-1") -> Stored:
    vault = vault_of(desk)
    customer = await vault.open_customer(owner, op_key=f"{owner}:customer:1")
    token = await desk.typed(customer, card)
    kept = await vault.store_method(customer, token, op_key=f"{owner}:{card}:store:1")
    return Stored(customer=customer, token=kept.token)


async def test_the_same_key_makes_one_customer_and_what_is_kept_is_listed(desk: Desk) -> None:
    first = await stored(desk)

    assert await vault_of(desk).open_customer("owner-1", op_key="owner-1:customer:1") == first.customer
    kept = await vault_of(desk).list_methods(first.customer)
    assert [(each.token, each.kind, each.brand, each.last4) for each in kept] == [
        (first.token, "card", "visa", "4242")
    ]
    assert (kept[0].expiry_year or 0) > 2026


async def test_what_is_kept_already_for_this_customer_is_kept(desk: Desk) -> None:
    first = await stored(desk)
    vault = vault_of(desk)

    again = await vault.store_method(first.customer, first.token, op_key="another")

    assert again.token == first.token
    other = await vault.open_customer("owner-2", op_key="owner-2:customer:1")
    with pytest.raises(Refused):
        await vault.store_method(other, first.token, op_key="a third")


@ASKS_THE_ISSUER
async def test_what_the_issuer_will_not_have_is_not_kept(desk: Desk) -> None:
    with pytest.raises(Declined):
        await stored(desk, "visa_chargeDeclined")


async def test_given_up_twice_is_given_up(desk: Desk) -> None:
    first = await stored(desk)
    vault = vault_of(desk)

    for n in range(2):
        await vault.forget_method(first, op_key=f"forget:{n}")
    await vault.forget_method(Stored(customer=first.customer, token="pm_never_there"), op_key="forget")  # noqa: S106

    assert list(await vault.list_methods(first.customer)) == []


async def charged(desk: Desk, order: MakeOrder, card: str) -> tuple[Order, Opened]:
    wished = order(hosted=False, stored=await stored(desk, card))
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    again = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    assert (again.provider_ref, again.payment_url) == (opened.provider_ref, opened.payment_url)
    assert opened.client_secret is None
    return wished, opened


async def standing(desk: Desk, order: Order, opened: Opened) -> PaymentStatus:
    """Fold what was answered at once and what is known when everything was told."""
    await desk.told()
    known = await desk.gateway.fetch(order.payment_id, opened.provider_ref)
    return fold(order.amount, [*opened.facts, *known]).status


@pytest.mark.row("PAY-44", partly="at the provider; the booking's side is elsewhere")
async def test_a_stored_method_pays_at_once_and_once(desk: Desk, order: MakeOrder) -> None:
    wished, opened = await charged(desk, order, "visa")

    assert await standing(desk, wished, opened) is PaymentStatus.CAPTURED
    assert opened.payment_url is None
    assert [payment["captured"] for payment in await desk.account.payments()] == [59_999]


async def test_a_stored_method_can_be_held_first(desk: Desk, order: MakeOrder) -> None:
    wished = order(hosted=False, manual_capture=True, stored=await stored(desk))

    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    assert await standing(desk, wished, opened) is PaymentStatus.AUTHORIZED


async def test_a_stored_method_that_is_declined_says_so_and_can_be_closed(
    desk: Desk, order: MakeOrder
) -> None:
    wished, opened = await charged(desk, order, "chargeCustomerFail")

    kinds = {fact.kind for fact in opened.facts}
    assert FactKind.DECLINED in kinds
    assert FactKind.CAPTURED not in kinds
    assert opened.payment_url is None
    closing = await desk.gateway.close_checkout(opened.provider_ref, op_key=key_of(wished, "close"))
    assert closing is Closing.CLOSED
    await desk.told()
    known = await desk.gateway.fetch(wished.payment_id, opened.provider_ref)
    state = fold(wished.amount, [*opened.facts, *known])
    assert (len(state.declines), state.decline_code) == (1, "card_declined")


async def test_where_the_bank_asks_there_is_an_address_to_answer_at(desk: Desk, order: MakeOrder) -> None:
    _, opened = await charged(desk, order, "authenticationRequired")

    assert {fact.kind for fact in opened.facts} == {FactKind.REQUIRES_ACTION}
    assert opened.payment_url is not None
    assert (await desk.account.http.get(opened.payment_url)).status_code == 200
    assert await desk.account.kept() == 0


@ASKS_THE_ISSUER
async def test_a_bank_that_asks_is_found_again(desk: Desk, order: MakeOrder) -> None:
    wished, opened = await charged(desk, order, "authenticationRequired")

    found = await desk.gateway.find_checkout(wished.payment_id)

    assert found is not None
    assert found.payment_url == opened.payment_url
