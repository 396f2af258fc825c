"""Makes the pictures of README.md and docs/ from a running stack: `.venv/bin/python -m devtools.pictures`.

Each picture is a page of the real Temporal Web UI, with a run that was brought into that state a moment ago.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote

from playwright.async_api import FloatRect, Page, ViewportSize, async_playwright

from devtools import choice
from devtools.paths import ROOT
from devtools.say import say
from devtools.stories.shop import Shop, bearer, opened
from devtools.stories.tale import Wrong

FOLDER = ROOT / "docs" / "pictures"
SIZE: ViewportSize = {"width": 1280, "height": 1250}
CHECKOUTS = "/v1/checkout/sessions/*"


@asynccontextmanager
async def window() -> AsyncIterator[Page]:
    """Open a browser's window."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        page = await browser.new_page(viewport=SIZE)
        try:
            yield page
        finally:
            await browser.close()


async def take(
    page: Page, name: str, address: str, *, shows: str, height: int | None = None, tab: str | None = None
) -> None:
    """Take a picture of a page (its upper `height` pixels), or of a `tab` of it, once it shows this text."""
    await page.goto(address)
    if tab:
        await page.get_by_text(tab).first.click()
    await page.get_by_text(shows).first.wait_for(timeout=20_000)
    with suppress(Exception):
        await page.wait_for_load_state("networkidle", timeout=5_000)
    clip: FloatRect = {"x": 0, "y": 0, "width": SIZE["width"], "height": height or SIZE["height"]}
    await page.screenshot(path=FOLDER / f"{name}.png", clip=clip)
    say(f"docs/pictures/{name}.png")


async def waiting(shop: Shop) -> Mapping[str, Any]:
    """Make a booking that waits for its payment."""
    place = next(shop.places(pay_within=range(300, 100_000)))
    booking = await shop.book(place)
    await shop.wish_to_pay(booking)
    return booking


async def paid(shop: Shop) -> Mapping[str, Any]:
    """Make a booking that is paid and confirmed."""
    place = next(shop.places(pay_within=range(300, 100_000)))
    booking = await shop.book(place)
    await shop.pay(await shop.wish_to_pay(booking))
    await shop.until(booking, "confirmed")
    return booking


async def parked(shop: Shop) -> Mapping[str, Any]:
    """Make a booking whose undo the provider refuses: our key opens no checkout any more."""
    booking = await waiting(shop)
    account = shop.settings["STRIPE_SECRET_KEY"]
    kind = {"route": CHECKOUTS, "kind": "response_500_before", "status": 403, "times": 1000}
    await shop.at_sandbox("faults", {"provider": "stripe", "account": account, **kind})
    cancelling = asyncio.create_task(shop.cancel(booking))
    await attended(shop, booking["id"])
    cancelling.cancel()
    with suppress(asyncio.CancelledError, Wrong):
        await cancelling
    return booking


async def mended(shop: Shop) -> None:
    """Take all faults of the sandbox back."""
    async with shop.http.delete(f"{shop.sandbox}/_sandbox/faults") as answer:
        answer.raise_for_status()


async def attended(shop: Shop, booking_id: str) -> None:
    """Wait until a case says that a person is needed."""
    url = f"{shop.api}/api/v1/admin/cases?status=open&about={booking_id}"
    async with asyncio.timeout(60):
        while True:
            async with shop.http.get(url, headers=bearer(shop.staff("operator"))) as answer:
                if (await answer.json())["items"]:
                    return
            await asyncio.sleep(0.2)


async def main() -> None:
    """Bring runs into their states, and take their pictures."""
    settings = choice.load()
    ui = f"{settings['TEMPORAL_UI_URL']}/namespaces/default/workflows"
    async with opened(settings) as shop, window() as page:
        await mended(shop)
        waits, done, stuck = await waiting(shop), await paid(shop), await parked(shop)
        await take(page, "waiting", shop.run(f"booking:{waits['id']}"), shows=waits["reference"])
        await take(page, "paid", shop.run(f"booking:{done['id']}"), shows="confirm_booking")
        await take(page, "parked", shop.run(f"booking:{stuck['id']}"), shows="return_payment")
        await take(
            page,
            "parked-details",
            shop.run(f"booking:{stuck['id']}"),
            tab="User Metadata",
            shows="Current Details",
            height=800,
        )
        query = quote("`NeedsAttention`=true")
        await take(page, "attention", f"{ui}?query={query}", shows=stuck["id"], height=420)
        await mended(shop)


if __name__ == "__main__":
    asyncio.run(main())
