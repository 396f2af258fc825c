"""What the sagas ask of their engine is what was written down: nobody changes it unawares."""

import difflib
import json

import pytest
from temporalio import workflow

from tests.histories.fingerprint import PLOTS, WRITTEN, taken
from workflows.checkout import Checkouts

ADVICE = """
{name}: {run} asks its engine for something else than was written down.

{changes}

The order of these commands is a contract: the histories of open runs hold the old one, and a run whose
history the code does not match stands still. So either

  * after a release: keep the old way for old runs,
        if workflow.patched("what-changed"): …new… else: …old…
    then write down the new way, in which the line "patch what-changed" stands before what is new; or
  * before the first release, when no run can be open: record the histories anew as well,
        ./dev test tests/histories/record.py

and write down what is asked for now:

        ./dev test tests/histories/fingerprint.py
"""


@pytest.fixture(scope="module")
def now() -> dict[str, dict[str, list[str]]]:
    """Tell the stories with the present code."""
    return taken()


@pytest.mark.parametrize("name", PLOTS)
def test_a_saga_asks_for_what_was_written_down(name: str, now: dict[str, dict[str, list[str]]]) -> None:
    compare(name, json.loads(WRITTEN.read_text())[name], now[name])


def test_a_step_more_is_noticed_and_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: somebody makes the saga wait before it takes the money."""

    async def capture_later(self: Checkouts) -> bool:
        await workflow.sleep(1)
        return True

    monkeypatch.setattr(Checkouts, "capture", capture_later)

    with pytest.raises(pytest.fail.Exception, match=r"(?s)\+timer.*workflow\.patched"):
        compare("confirmed", json.loads(WRITTEN.read_text())["confirmed"], taken("confirmed")["confirmed"])


def compare(name: str, before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    """Fail with what changed, and with advice, when a run asks for something else."""
    for run in before | after:
        then, asked = before.get(run, []), after.get(run, [])
        if then != asked:
            changes = "\n".join(difflib.unified_diff(then, asked, "written down", "now", lineterm="", n=2))
            pytest.fail(ADVICE.format(name=name, run=run, changes=changes), pytrace=False)
