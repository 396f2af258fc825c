"""A payment link from the organizer's wish to the buyer's tickets."""

import pytest

from tests.support.stack import Stack, idempotent
from tests.support.user import User
from tests.support.wait import eventually


@pytest.mark.row("PAY-21")
async def test_the_mailed_link_leads_to_a_checkout_and_is_gone_once_paid(stack: Stack) -> None:
    booking = await stack.book()
    tenant_id = await stack.value("select tenant_id from bookings")
    olga = User(stack, tenant_id, "olga", role="organizer")
    answer = await stack.http.post(
        "/api/v1/payment-links", json={"booking": booking.reference}, headers=olga.headers | idempotent(None)
    )
    assert answer.status_code == 201, answer.text

    address = answer.json()["url"]
    (mail,) = await eventually(stack.sandbox.mailbox, what="the mail with the link")
    assert address in mail["text"]
    assert address in mail["html"]
    page = await stack.http.get(address)
    (nonce,) = [part.partition('"')[0] for part in page.text.split('name="key" value="')[1:]]
    onward, again = [await stack.http.post(address, data={"key": nonce}) for _ in range(2)]

    assert (onward.status_code, onward.text) == (200, again.text)
    checkout = onward.text.partition('content="0; url=')[2].partition('"')[0]
    assert await stack.sandbox.pay(checkout) == "paid"
    await stack.wait_for(booking, "confirmed")
    assert (await stack.http.get(address)).status_code == 410
    assert await stack.sandbox.kept() == 2500
