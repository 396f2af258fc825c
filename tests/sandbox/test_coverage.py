"""The page for outsiders says what there is: every call, every fault, every card."""

import re

import aiohttp
import pytest
from fastapi.routing import APIRoute

from sandbox import coverage
from sandbox.app import Sandbox
from sandbox.store import Store
from sandbox.work import World
from tests.sandbox.conftest import ROOT, Shop

PAGE = (ROOT / "docs" / "sandbox.md").read_text()


def documented() -> set[tuple[str, str]]:
    """Return method and path of every Stripe call in the page's table."""
    found, table = set(), PAGE.partition("### Stripe")[2].partition("### Webhooks")[0]
    for cell in re.findall(r"^\| ((?:`[^|]*/v1/[^|]*)) \|", table, re.MULTILINE):
        before = ""
        for methods, path in re.findall(r"`((?:[A-Z]+ )*)([^`]+)`", cell):
            words = methods.split() or before.split()
            whole = path.replace("…", base_of(cell)) if path.startswith("…") else path
            found |= {(method, whole) for method in words}
            before = methods or before
    return found


def base_of(cell: str) -> str:
    """Return what the first path of a cell has before its last step."""
    first = re.search(r"(/v1/[^`]+)`", cell)
    assert first is not None
    return first[1].rpartition("/")[0]


@pytest.mark.parametrize(("method", "path"), sorted(documented()))
async def test_documented_call_is_answered(shop: Shop, method: str, path: str) -> None:
    status, answer, _ = await shop.raw(method, f"/stripe{path.replace('{id}', 'id_unknown')}")

    assert "Unrecognized request URL" not in str(answer), answer
    assert status in (200, 400, 404)


def test_every_call_that_is_played_is_in_the_table_and_no_other() -> None:
    written = PAGE.partition(coverage.BEGIN)[2].partition(coverage.END)[0]

    assert written == coverage.table(), "run `.venv/bin/python -m sandbox.coverage`"


async def test_the_table_is_told_to_programs_as_well(shop: Shop) -> None:
    told = await shop.control("GET", "/calls")

    assert [(each["provider"], each["method"], each["path"]) for each in told] == coverage.calls()
    assert {each["provider"] for each in told} == {"stripe", "adyen", "paypal", "sendgrid"}


def test_every_call_of_the_control_api_is_documented() -> None:
    control = PAGE.partition("## Control")[2].partition("## How it differs")[0]
    web = Sandbox(World(Store(":memory:"), seed=1, public_url="")).web
    paths = {route.path.removeprefix("/_sandbox") for route in web.routes if isinstance(route, APIRoute)
             and route.path.startswith("/_sandbox")}  # fmt: skip

    named = {re.sub(r"\{[a-z_]+\}", "{}", path) for path in paths}
    documented = re.sub(r"\{[a-z]+\}", "{}", control)
    missing = {path for path in named if not _stands(path, documented)}

    assert not missing


def _stands(path: str, text: str) -> bool:
    """Say whether a path stands in the page, or its last step beside others of the same beginning."""
    last = path.rpartition("/")[2]
    return f"{path}`" in text or f"{path} " in text or f"{path}?" in text or f"`{last}`" in text


async def test_every_fault_that_is_documented_can_be_ordered_and_no_other(
    shop: Shop, http: aiohttp.ClientSession
) -> None:
    kinds = set(re.findall(r"^\| `([a-z]+_[a-z0-9_]+|slow|drip|hold)` \|", PAGE, re.MULTILINE))

    async with http.post(f"{shop.url}/_sandbox/faults", json={"kind": "?"}) as answer:
        known = set(re.findall(r"[a-z]+_[a-z0-9_]+|slow|drip|hold", (await answer.json())["detail"]))

    assert kinds == known


async def test_every_documented_card_is_known(shop: Shop) -> None:
    table = PAGE.partition("### Test cards")[2].partition("###")[0]
    numbers = re.findall(r"\b\d{15,16}\b", table)
    numbers += [f"400000000000{short}" for short in re.findall(r"…(\d{4})\b", table)]
    assert len(numbers) == 27

    for number in numbers:
        session = await shop.session()
        assert (await shop.pay(session.id, number))["outcome"] in ("paid", "declined", "needs_action")
