"""A real browser, found on the machine: Debian's Chromium, Google's Chrome, or the one Playwright brought."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Error, async_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser. Without one the tests that need it are skipped by name on a laptop, and fail in CI."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=program, chromium_sandbox=os.geteuid() != 0
            )
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"needs Chromium, and none starts here: {str(error).splitlines()[0]}")
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run one browser for all tests, which open contexts of their own."""
    async with chromium() as running:
        yield running
