"""The pages: from our own files alone, under a policy that lets nothing else in."""

import hashlib
import json
from pathlib import Path

from playwright.async_api import Browser

from api.page import WEB
from api.problem import kinds
from tests.api.conftest import Door
from tests.support.stack import Stack

VENDOR = WEB / "static" / "vendor"


PAGES = ["/", "/docs", "/return", "/return?payment_intent=pi_1&redirect_status=succeeded", "/problems"]


async def test_a_page_lets_no_inline_script_and_no_other_origin_in(door: Door) -> None:
    for path in PAGES:
        answer = await door.http.get(path)

        policy = answer.headers["content-security-policy"]
        assert answer.status_code == 200
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "<script>" not in answer.text
        assert "https://" not in answer.text


async def test_every_problem_has_its_page(door: Door) -> None:
    everything = (await door.http.get("/problems")).text
    for code, (_, title) in kinds().items():
        page = await door.http.get(f"/problems/{code}")

        assert page.status_code == 200, code
        assert title.replace("'", "&#39;") in page.text, code
        assert f'href="/problems/{code}"' in everything

    assert (await door.http.get("/problems/nonsense")).status_code == 404


def test_the_vendored_files_are_what_was_fetched() -> None:
    listed = json.loads((VENDOR / "vendor.json").read_text())
    files = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()} - {"vendor.json"}

    assert {entry["file"] for entry in listed} == files
    for entry in listed:
        assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"], entry[
            "file"
        ]


async def test_the_docs_work_offline_in_a_browser(
    idle_stack: Stack, browser: Browser, tmp_path: Path
) -> None:
    url = str(idle_stack.http.base_url).rstrip("/")
    context = await browser.new_context(viewport={"width": 1280, "height": 1600})
    page = await context.new_page()
    asked, complaints = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    await page.goto(f"{url}/docs")
    await page.get_by_text("/api/v1/bookings", exact=True).first.click()
    await page.get_by_text("all lines or none").first.wait_for()
    await page.screenshot(path=tmp_path / "docs.png")

    assert complaints == []
    assert all(address.startswith((url, "data:")) for address in asked)
    await context.close()
