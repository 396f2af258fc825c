"""Payment methods that a customer keeps: attached once, paid with only by them, detached for good."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conforms import object_breaches
from tests.sandbox.conftest import Shop


async def customer(shop: Shop) -> str:
    made = await shop.stripe.v1.customers.create_async({"metadata": {"owner": "ada"}})
    return str(made.id)


async def attached(shop: Shop, owner: str, card: str = "pm_card_visa") -> Any:
    return await shop.stripe.v1.payment_methods.attach_async(card, {"customer": owner})


async def test_a_method_is_attached_listed_and_detached(shop: Shop) -> None:
    owner = await customer(shop)

    method = await attached(shop, owner, "pm_card_mastercard")

    assert (method.customer, method.card.brand, method.card.last4) == (owner, "mastercard", "4444")
    assert list(object_breaches(method.to_dict(), stripe.PaymentMethod, "method")) == []
    listed = await shop.stripe.v1.customers.payment_methods.list_async(owner)
    also = await shop.stripe.v1.payment_methods.list_async({"customer": owner, "type": "card"})
    assert [each.id for each in listed.data] == [each.id for each in also.data] == [method.id]

    gone = await shop.stripe.v1.payment_methods.detach_async(method.id)

    assert gone.customer is None
    assert (await shop.stripe.v1.customers.payment_methods.list_async(owner)).data == []
    kinds = await shop.event_types()
    assert kinds == ["customer.created", "payment_method.attached", "payment_method.detached"]


async def test_what_is_attached_or_used_up_cannot_be_attached(shop: Shop) -> None:
    owner, other = await customer(shop), await customer(shop)
    method = await attached(shop, owner)
    used = (await shop.paid()).payment_method

    for name in (method.id, used):
        with pytest.raises(stripe.InvalidRequestError):
            await attached(shop, other, name)

    await shop.stripe.v1.payment_methods.detach_async(method.id)
    with pytest.raises(stripe.InvalidRequestError):
        await attached(shop, owner, method.id)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.stripe.v1.payment_methods.detach_async(method.id)


async def test_a_card_that_the_issuer_declines_is_not_attached(shop: Shop) -> None:
    owner = await customer(shop)

    with pytest.raises(stripe.CardError):
        await attached(shop, owner, "pm_card_visa_chargeDeclined")

    assert (await attached(shop, owner, "pm_card_chargeCustomerFail")).customer == owner


async def test_only_its_customer_pays_with_a_kept_method(shop: Shop) -> None:
    owner, other = await customer(shop), await customer(shop)
    method = await attached(shop, owner)

    nobody: dict[str, Any] = {}
    for who in (nobody, {"customer": other}):
        with pytest.raises(stripe.InvalidRequestError):
            await shop.paid(card=method.id, **who)
    first, again = [await shop.paid(card=method.id, customer=owner) for _ in range(2)]

    assert (first.status, again.status) == ("succeeded", "succeeded")


async def test_an_absent_customer_cannot_be_challenged_and_a_present_one_is(shop: Shop) -> None:
    owner = await customer(shop)
    method = await attached(shop, owner, "pm_card_authenticationRequired")
    to_be_paid = {"card": method.id, "customer": owner}

    with pytest.raises(stripe.CardError) as no:
        await shop.paid(**to_be_paid, off_session=True)
    asked = await shop.paid(**to_be_paid, return_url="http://127.0.0.1/back")

    assert no.value.code == "authentication_required"
    assert asked.status == "requires_action"
    assert asked.next_action.redirect_to_url.return_url == "http://127.0.0.1/back"
