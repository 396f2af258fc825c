"""One booking from the wish to the ticket in the buyer's hand, all of it real: read it from top to bottom."""

import asyncio
from io import BytesIO

import httpx2
import jwt
import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Browser, Page

from tests.support.check import violations
from tests.support.stack import Stack, bearer, publishable_key
from tests.support.wait import eventually


@pytest.mark.row("SAG-12", partly="claiming a guest's booking after registering")
async def test_a_guest_books_pays_and_holds_a_ticket_that_anybody_can_verify(
    stack: Stack, browser: Browser
) -> None:
    shop = await stack.shop(capacity=10, minor=2_500)
    api = stack.http

    # A guest books two places. Nobody needs an account; the shop shows its publishable key.
    answer = await api.post(
        "/api/v1/bookings",
        headers={**bearer(publishable_key(shop)), "Idempotency-Key": "my-first-booking"},
        json={
            "offer_id": str(shop.offer.id),
            "slot_id": str(shop.slot.id),
            "lines": [{"variant_id": str(shop.variant.id), "quantity": 2}],
            "contact": {"name": "Ada Lovelace", "email": "ada@example.com"},
            "payment": {"return_url": f"{stack.settings.api_url}/docs"},
        },
    )
    assert answer.status_code == 201, answer.text
    booking = answer.json()
    assert booking["total"] == {"minor": 5_000, "currency": "EUR"}
    buyer = bearer(booking["access_token"])

    # Her page follows what happens from here on.
    told = asyncio.create_task(follow(api, f"/api/v1/bookings/{booking['id']}/events", buyer))

    # She pays at the provider's own page, in a browser, and is sent back to the shop.
    page = await browser.new_page()
    await pay_by_card(page, booking["payment"]["payment_url"], "4242 4242 4242 4242")
    assert page.url.startswith(stack.settings.api_url)
    await page.close()

    # The provider tells us by a signed webhook; the saga asks whether it is true, and confirms.
    assert await told == [
        "booking.created",
        "booking.initiated",
        "inventory.reserved",
        "payment.processed",
        "booking.confirmed",
    ]
    confirmed = (await api.get(f"/api/v1/bookings/{booking['reference']}", headers=buyer)).json()
    assert confirmed["status"] == "confirmed"
    assert len(confirmed["tickets"]) == 2

    # Each ticket has a code; any scanner reads it, and our public key says that we signed it.
    ticket = confirmed["tickets"][0]
    picture = (await api.get(ticket["qr_png"], headers=buyer)).content
    token = scanned(picture)
    assert token == ticket["token"]
    claims = await verified(api, token)
    assert (claims["sub"], claims["evt"]) == (ticket["id"], str(shop.slot.id))

    # The same codes are in the mail that she gets, once.
    [mail] = await eventually(stack.sandbox.mailbox, what="the mail")
    assert mail["to"] == [{"email": "ada@example.com", "name": "Ada Lovelace"}]
    assert mail["subject"].startswith("Confirmed: Guided tour")
    assert [each["filename"] for each in mail["attachments"]] == ["ticket-1.png", "ticket-2.png"]

    # Two places are sold, the provider has 50.00 EUR for us, and the books say the same.
    assert await stack.value("select sold from counters where id = $1", shop.slot.id) == 2
    assert await stack.sandbox.kept() == 5_000
    assert await violations(stack) == []


async def pay_by_card(page: Page, payment_url: str, card: str) -> None:
    """Fill the hosted page's form in and send it."""
    await page.goto(payment_url)
    for label, typed in (
        ("E-mail", "ada@example.com"),
        ("Card number", card),
        ("Expires", "12 / 34"),
        ("Security code", "123"),
        ("Name on card", "Ada Lovelace"),
    ):
        await page.get_by_label(label).fill(typed)
    await page.get_by_role("button", name="Pay").click()
    await page.wait_for_url("**/docs**")


async def follow(api: httpx2.AsyncClient, path: str, who: dict[str, str]) -> list[str]:
    """Follow a stream of events to its end; gives their types."""
    async with api.stream("GET", path, headers=who) as stream:
        return [
            line.removeprefix("event: ") async for line in stream.aiter_lines() if line.startswith("event: ")
        ]


def scanned(picture: bytes) -> str:
    """Read the code in a picture, as a scanner at the entrance does."""
    [code] = zxingcpp.read_barcodes(Image.open(BytesIO(picture)))
    text: str = code.text
    return text


async def verified(api: httpx2.AsyncClient, token: str) -> dict[str, str]:
    """Verify a ticket's token as anybody can: with the public keys we publish."""
    published = (await api.get("/.well-known/jwks.json")).json()
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, str] = jwt.decode(token, key, algorithms=["EdDSA"])
    return claims
