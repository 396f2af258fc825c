"""The hosted pages in a real browser, on a desk and on a phone, with and without JavaScript."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, Request

from tests.sandbox.conftest import CARD, Receiver, Shop

PHONE: Any = {"width": 360, "height": 740}
DESK: Any = {"width": 1280, "height": 900}


async def window(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """Open a window; the shop's own pages are played by an empty one."""
    context = await browser.new_context(**options)
    await context.route("http://127.0.0.1/**", lambda route: route.fulfill(body="the shop"))
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Open a phone's window."""
    async for opened in window(browser, viewport=PHONE):
        yield opened


@pytest.fixture(params=["desk", "phone", "no JavaScript"])
async def any_page(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[Page]:
    """Open each kind of window."""
    size, script = PHONE if request.param == "phone" else DESK, request.param != "no JavaScript"
    async for opened in window(browser, viewport=size, java_script_enabled=script):
        yield opened


async def fill(page: Page, card: str, expiry: str = "12 / 34", cvc: str = "123") -> None:
    """Type a card and press the button."""
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Card number").fill(card)
    await page.get_by_label("Expires").fill(expiry)
    await page.get_by_label("Security code").fill(cvc)
    await page.get_by_role("button", name=re.compile("^Pay ")).click()


async def no_sideways_scrolling(page: Page) -> bool:
    """Return whether the page fits its width."""
    box = await page.locator("body").bounding_box()
    assert page.viewport_size is not None
    return box is not None and box["width"] <= page.viewport_size["width"]


@pytest.mark.parametrize("approved", [True, False])
async def test_a_buyer_pays_later_or_does_not(shop: Shop, page: Page, approved: bool) -> None:
    session = await shop.session(6125, allowed_payment_method_types=["card", "klarna"])
    await page.goto(session.url)
    await page.get_by_role("link", name="Klarna").click()
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_role("button", name="Continue to Klarna").click()
    await page.get_by_role("button", name="Approve", exact=True).wait_for()
    assert await page.get_by_text("61.25 EUR").first.is_visible()
    assert await no_sideways_scrolling(page)

    await page.get_by_role("button", name="Approve" if approved else "Do not approve", exact=True).click()

    if approved:
        await page.wait_for_url("http://127.0.0.1/paid?*")
    else:
        await page.get_by_role("alert").wait_for()
        await page.get_by_role("button", name=re.compile("^Pay ")).wait_for()


async def test_buyer_pays_and_comes_back_to_the_shop(shop: Shop, any_page: Page) -> None:
    session = await shop.session(6125)
    await any_page.goto(session.url)
    assert await any_page.get_by_text("61.25 EUR").first.is_visible()
    assert await any_page.get_by_text("Boat trip", exact=True).is_visible()
    assert await no_sideways_scrolling(any_page)

    await fill(any_page, "4242 4242 4242 4242")

    await any_page.wait_for_url(f"http://127.0.0.1/paid?session={session.id}")
    [payment] = await shop.payments()
    assert (payment["status"], payment["captured"]) == ("captured", 6125)
    paid = await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert paid.customer_details is not None
    assert paid.customer_details.email == "ada@example.com"


async def test_declined_buyer_is_told_and_tries_another_card(shop: Shop, page: Page) -> None:
    session = await shop.session()
    await page.goto(session.url)

    await fill(page, "4000000000009995")
    alert = page.get_by_role("alert")
    assert await alert.inner_text() == "Your card has insufficient funds."
    assert await page.get_by_label("Card number").get_attribute("aria-invalid") == "true"
    await fill(page, CARD)

    await page.wait_for_url("http://127.0.0.1/paid?*")
    assert sum(payment["captured"] for payment in await shop.payments()) == 5000


async def test_card_that_is_not_listed_is_refused_on_the_page(shop: Shop, page: Page) -> None:
    session = await shop.session()
    await page.goto(session.url)

    await fill(page, "4111 1111 1111 1111", expiry="1/20", cvc="x")

    assert "not one of the test cards" in await page.get_by_role("alert").inner_text()
    await page.get_by_text("date in the future").wait_for()
    await page.get_by_text("three or four digits").wait_for()
    assert await shop.payments() == []


async def test_buyer_who_gives_up_goes_back_and_the_session_stays_open(shop: Shop, page: Page) -> None:
    session = await shop.session()
    await page.goto(session.url)

    await page.get_by_role("link", name="Cancel and go back").click()

    await page.wait_for_url("http://127.0.0.1/given-up")
    assert (await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)).status == "open"


async def test_challenge_is_passed_on_the_banks_page(shop: Shop, any_page: Page) -> None:
    session = await shop.session()
    await any_page.goto(session.url)
    await fill(any_page, "4000000000003220")

    await any_page.get_by_label("Code").fill("000000")
    await any_page.get_by_role("button", name="Approve", exact=True).click()
    assert "not right" in await any_page.get_by_role("alert").inner_text()
    assert await no_sideways_scrolling(any_page)
    await any_page.get_by_label("Code").fill("123456")
    await any_page.get_by_role("button", name="Approve", exact=True).click()

    await any_page.wait_for_url("http://127.0.0.1/paid?*")
    assert [payment["status"] for payment in await shop.payments()] == ["captured"]


async def test_challenge_that_is_not_approved_leads_back_to_the_checkout(shop: Shop, page: Page) -> None:
    session = await shop.session()
    await page.goto(session.url)
    await fill(page, "4000000000003220")

    await page.get_by_role("button", name="Do not approve").click()

    await page.wait_for_url(session.url)
    assert "did not confirm" in await page.get_by_role("alert").inner_text()
    await fill(page, CARD)
    await page.wait_for_url("http://127.0.0.1/paid?*")


async def test_challenge_of_an_intent_returns_with_stripes_own_parameters(shop: Shop, page: Page) -> None:
    intent = await shop.paid(
        card="pm_card_threeDSecure2Required", return_url="http://127.0.0.1/back?booking=1"
    )
    await page.goto(intent.next_action.redirect_to_url.url)

    await page.get_by_label("Code").fill("123456")
    await page.get_by_role("button", name="Approve", exact=True).click()

    await page.wait_for_url("http://127.0.0.1/back?*")
    assert (
        f"booking=1&payment_intent={intent.id}&payment_intent_client_secret={intent.client_secret}"
        in page.url
    )
    assert page.url.endswith("redirect_status=succeeded")


async def test_session_that_is_over_says_so(shop: Shop, page: Page) -> None:
    session = await shop.session()
    await shop.stripe.v1.checkout.sessions.expire_async(session.id)

    answer = await page.goto(session.url)

    assert answer is not None
    assert answer.status == 410
    assert await page.get_by_role("heading", name="This checkout has expired").is_visible()
    assert await page.get_by_role("button").count() == 0


async def test_paid_session_says_so_and_leads_on(shop: Shop, page: Page) -> None:
    session = await shop.session()
    await shop.pay(session.id)

    await page.goto(session.url)
    await page.get_by_role("link", name="Continue").click()

    await page.wait_for_url(f"http://127.0.0.1/paid?session={session.id}")


async def test_page_loads_nothing_from_elsewhere(shop: Shop, page: Page) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    session = await shop.session()
    await page.goto(session.url)

    assert asked == [session.url]


async def test_markup_in_what_a_merchant_sends_is_only_text(shop: Shop, page: Page) -> None:
    price: Any = {
        "currency": "eur",
        "unit_amount": 900,
        "product_data": {"name": "<img src=x onerror=alert(1)>"},
    }
    session = await shop.session(line_items=[{"price_data": price, "quantity": 1}])

    await page.goto(session.url)

    assert await page.get_by_text("<img src=x onerror=alert(1)>").is_visible()
    assert await page.locator("img").count() == 0


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"card": "4111111111111111", "expiry": "12/34", "cvc": "123", "email": "a@b.test"}, 422),
        ({"card": "4000000000000002", "expiry": "12/34", "cvc": "123", "email": "a@b.test"}, 402),
        ({}, 422),
    ],
)
async def test_form_answers_with_the_right_status(
    shop: Shop, http: aiohttp.ClientSession, form: dict[str, str], status: int
) -> None:
    session = await shop.session()

    async with http.post(session.url, data=form) as answer:
        assert answer.status == status


async def test_front_page_leads_to_an_accounts_doings(shop: Shop, page: Page) -> None:
    intent = await shop.paid(metadata={"booking": "b1"})

    await page.goto(shop.url)
    await page.get_by_role("link", name=shop.key).click()

    for text in (intent.id, "booking: b1", "payment_intent.succeeded"):
        await page.get_by_text(text).first.wait_for()


@pytest.fixture(params=["desk", "phone"])
async def open_page(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[Page]:
    """Open a window that may ask the sandbox for more than the page in it."""
    async with await browser.new_context(viewport=PHONE if request.param == "phone" else DESK) as context:
        yield await context.new_page()


async def test_somebody_orders_a_fault_and_takes_it_back(shop: Shop, open_page: Page) -> None:
    await shop.paid()
    await open_page.goto(f"{shop.url}/accounts/{shop.key}")

    await open_page.get_by_text("Order one").click()
    await open_page.get_by_label("What goes wrong").select_option("rate_limit")
    await open_page.get_by_label("Where").fill("POST /v1/refunds")
    await open_page.get_by_label("How often").fill("many")
    await open_page.get_by_role("button", name="Order", exact=True).click()
    assert "times" in await open_page.get_by_role("alert").inner_text()
    await open_page.get_by_label("What goes wrong").select_option("rate_limit")
    await open_page.get_by_label("Where").fill("POST /v1/refunds")
    await open_page.get_by_label("How often").fill("3")
    await open_page.get_by_role("button", name="Order", exact=True).click()

    await open_page.get_by_text("POST /v1/refunds").wait_for()
    assert await no_sideways_scrolling(open_page)
    mine = [each for each in await shop.control("GET", "/faults") if each["route"] == "POST /v1/refunds"]
    assert [(each["kind"], each["times"]) for each in mine if each["account"]] == [("rate_limit", 3)]
    await open_page.get_by_role("button", name="Take back").click()
    await open_page.get_by_text("Everything works as it should").wait_for()
    assert (await shop.control("DELETE", f"/faults?account={shop.key}"))["cleared"] == 0


async def test_somebody_sends_a_webhook_again(shop: Shop, receiver: Receiver, open_page: Page) -> None:
    hook: Any = {"url": receiver.url, "enabled_events": ["payment_intent.created"]}
    await shop.stripe.v1.webhook_endpoints.create_async(hook)
    await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    await shop.drain()
    await open_page.goto(f"{shop.url}/accounts/{shop.key}")
    assert await open_page.get_by_text(receiver.url).is_visible()

    await open_page.get_by_role("button", name="Send again").click()
    await open_page.wait_for_url(f"{shop.url}/accounts/acct_*")
    await shop.drain()

    assert len(receiver.deliveries) == 2


async def test_somebody_moves_the_clock(shop: Shop, open_page: Page) -> None:
    session = await shop.session()
    await open_page.goto(f"{shop.url}/accounts/{shop.key}")

    await open_page.get_by_role("button", name="7 days ahead").click()

    await open_page.get_by_role("heading", name="Checkouts").wait_for()
    await open_page.get_by_text("expired", exact=True).wait_for()
    assert (await shop.stripe.v1.checkout.sessions.retrieve_async(session.id)).status == "expired"


async def test_somebody_lets_go_what_is_held(shop: Shop, receiver: Receiver, open_page: Page) -> None:
    hook: Any = {"url": receiver.url, "enabled_events": ["payment_intent.created"]}
    await shop.stripe.v1.webhook_endpoints.create_async(hook)
    await shop.fault("webhook_hold", "payment_intent.created")
    await shop.stripe.v1.payment_intents.create_async({"amount": 1000, "currency": "eur"})
    await open_page.goto(f"{shop.url}/accounts/{shop.key}")

    await open_page.get_by_role("button", name="Let go what is held").click()

    await receiver.came.wait()
    assert len(receiver.deliveries) == 1


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/faults", {"kind": "earthquake"}, 422),
        ("/faults", {"kind": "slow", "account": "nobody"}, 404),
        ("/clock", {"seconds": "soon"}, 422),
        ("/clock", {}, 422),
        ("/deliveries/999999999/redeliver", {}, 404),
        ("/faults/no/clear", {}, 422),
    ],
)
async def test_what_a_form_cannot_mean_is_refused(
    shop: Shop, http: aiohttp.ClientSession, path: str, form: dict[str, str], status: int
) -> None:
    async with http.post(shop.url + path, data=form) as answer:
        assert answer.status == status


async def test_buyer_pays_from_a_bank_account(shop: Shop, any_page: Page) -> None:
    session = await shop.session(6125)
    await any_page.goto(session.url)

    await any_page.get_by_role("link", name="SEPA direct debit").click()
    await any_page.get_by_label("E-mail").fill("ada@example.com")
    await any_page.get_by_label("IBAN").fill("at61 1904 3002 3457 3201")
    await any_page.get_by_label("Account holder").fill("Ada Lovelace")
    assert await no_sideways_scrolling(any_page)
    await any_page.get_by_role("button", name=re.compile("^Pay ")).click()

    await any_page.wait_for_url(f"http://127.0.0.1/paid?session={session.id}")
    assert [payment["status"] for payment in await shop.payments()] == ["processing"]
    await any_page.goto(session.url)
    assert await any_page.get_by_role("heading", name="Payment on its way").is_visible()


async def test_page_names_no_method_that_the_session_does_not_take(shop: Shop, page: Page) -> None:
    session = await shop.session(allowed_payment_method_types=["card"])

    await page.goto(f"{session.url}?method=debit")

    assert await page.get_by_text("SEPA").count() == 0
    assert await page.get_by_label("Card number").is_visible()


@pytest.mark.parametrize(("button", "status"), [("The bank pays", "captured"), ("It does not", "unstarted")])
async def test_somebody_who_looks_lets_the_bank_answer(
    shop: Shop, page: Page, button: str, status: str
) -> None:
    session = await shop.session()
    await shop.control("POST", f"/checkout/{session.id}/pay", iban="AT611904300234573201")
    await page.goto(f"{shop.url}/accounts/{shop.key}")

    await page.get_by_role("button", name=button).click()

    await page.wait_for_url(f"{shop.url}/accounts/acct_*")
    assert [payment["status"] for payment in await shop.payments()] == [status]
    assert await page.get_by_role("button", name=re.compile("bank|does not")).count() == 0
