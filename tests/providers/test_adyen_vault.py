"""What Adyen stores while a buyer pays: for whom it is asked to, and how it is found afterwards."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from domain.payment import PaymentStatus, fold
from providers.gateway import NotExecuted, Order, Refused
from providers.vault import Stored, Vault
from tests.providers.adyen_item import envelope, item
from tests.providers.conftest import Delivery, Desk, MakeOrder, Told, adyen_gateway, key_of
from tests.support.sandbox import Account

OWNER = "owner-1"


def vault_of(desk: Desk) -> Vault:
    vault = desk.gateway.vault
    assert vault is not None
    return vault


async def paid(adyen: Desk, order: MakeOrder, card: str = "visa", **more: Any) -> Order:
    wished = order(keeps_for=vault_of(adyen).shopper(OWNER), **more)
    await adyen.pay(await adyen.gateway.open_checkout(wished, op_key=key_of(wished)), card)
    await adyen.told()
    return wished


@pytest.mark.row("PAY-18", partly="what Adyen is asked for; over our own routes: test_stored_method.py")
@pytest.mark.parametrize("hosted", [True, False])
async def test_a_session_that_keeps_what_pays_says_for_whom_and_what_for(
    account: Account, order: MakeOrder, stub: tuple[str, list[Any], list[web.Response]], hosted: bool
) -> None:
    address, came, answers = stub
    ends = (datetime.now(UTC) + timedelta(minutes=15)).isoformat()
    answers.append(
        web.json_response({"id": "CS1", "sessionData": "x", "expiresAt": ends, "url": "https://page"})
    )
    wished = order(keeps_for=OWNER, hosted=hosted)

    await adyen_gateway(account, Told([]), api=address).open_checkout(wished, op_key=key_of(wished))

    ((path, _, body),) = came
    names = ("shopperReference", "storePaymentMethodMode", "recurringProcessingModel")
    assert path == "/v72/sessions"
    assert [body[name] for name in names] == [OWNER, "enabled", "CardOnFile"]


@pytest.mark.row("PAY-18", partly="at the provider; over our own routes: test_stored_method.py")
@pytest.mark.parametrize("manual", [False, True])
async def test_what_was_kept_is_found_by_the_payment_and_pays_again(
    adyen: Desk, order: MakeOrder, manual: bool
) -> None:
    first, vault = await paid(adyen, order, manual_capture=manual), vault_of(adyen)
    shopper = await vault.open_customer(OWNER, op_key="unused")

    kept = await vault.store_method(shopper, str(first.payment_id), op_key="m:store:1")

    assert (kept.brand, kept.last4) == ("visa", "4242")
    assert [each.token for each in await vault.list_methods(shopper)] == [kept.token]
    again = order(stored=Stored(customer=shopper, token=kept.token))
    opened = await adyen.gateway.open_checkout(again, op_key=key_of(again))
    await adyen.told()
    facts = await adyen.gateway.fetch(again.payment_id, opened.provider_ref)
    assert fold(again.amount, [*opened.facts, *facts]).status is PaymentStatus.CAPTURED


async def test_what_was_kept_for_another_or_by_no_payment_is_refused(adyen: Desk, order: MakeOrder) -> None:
    vault, unkept = vault_of(adyen), order()
    kept = await paid(adyen, order)
    declined = await paid(adyen, order, "visa_chargeDeclined")
    await adyen.pay(await adyen.gateway.open_checkout(unkept, op_key=key_of(unkept)))
    await adyen.told()

    for shopper, made in (("owner-2", kept), (OWNER, declined), (OWNER, unkept)):
        with pytest.raises(Refused):
            await vault.store_method(shopper, str(made.payment_id), op_key="m:store:1")


async def test_a_payment_of_which_nothing_was_told_is_asked_about_later(
    adyen: Desk, order: MakeOrder
) -> None:
    with pytest.raises(NotExecuted):
        await vault_of(adyen).store_method(OWNER, str(order().payment_id), op_key="m:store:1")


async def test_a_token_that_only_a_notification_names_is_not_believed(adyen: Desk, order: MakeOrder) -> None:
    """Only eight values of an item are signed: its token is none of them."""
    await paid(adyen, order)
    (theirs,) = await vault_of(adyen).list_methods(OWNER)
    mine = order()
    about = {"tokenization.storedPaymentMethodId": theirs.token}
    told = item("AUTHORISATION", merchantReference=str(mine.payment_id), additionalData=about)
    vault = adyen_gateway(adyen.account, Told([Delivery(envelope(told), {})])).vault
    assert vault is not None

    with pytest.raises(Refused):
        await vault.store_method("owner-2", str(mine.payment_id), op_key="m:store:1")
