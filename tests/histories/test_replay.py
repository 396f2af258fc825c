"""Old histories still replay: what runs that are open now will do when they meet this code."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import NondeterminismError

import worker
from tests.histories.fingerprint import WRITTEN
from tests.histories.record import STORIES
from tests.support.temporal import steps_done

HERE = Path(__file__).parent
RECORDED = sorted(set(HERE.glob("*.json")) - {WRITTEN})

ADVICE = """
The saga no longer asks for what it asked for when {name} was recorded:

    recorded steps: {steps}
    {error}

A run that is open when this code is deployed would block at that point. So either

  * keep the old way for old runs:   if workflow.patched("what-changed"): …new… else: …old…
  * or, when no run can be open (nothing was released yet), record anew:
        ./dev test tests/histories/record.py
"""


def test_every_end_a_run_can_come_to_is_recorded() -> None:
    assert {story.__name__ for story in STORIES} <= {path.stem for path in RECORDED}


@pytest.mark.row("SAG-29", partly="histories of released versions: nothing was released yet")
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    history = read(path)

    result = await replayer().replay_workflow(history, raise_on_replay_failure=False)

    if result.replay_failure is not None:
        steps = " → ".join(steps_done(history))
        pytest.fail(ADVICE.format(name=path.name, steps=steps, error=result.replay_failure))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_history_names_no_machine_and_no_person(path: Path) -> None:
    text = path.read_text()

    assert "identity" not in text
    assert "/home/" not in text
    assert "example.com" not in text


async def test_a_changed_sequence_of_steps_is_noticed() -> None:
    """The twin: a history of a saga that asked for something else does not replay."""
    history = read(HERE / "confirmed.json", instead=("check_payment", "ask_the_oracle"))

    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(history)


def read(path: Path, *, instead: tuple[str, str] = ("", "")) -> WorkflowHistory:
    """Read a recorded history with the id of its run, with one word `instead` of another."""
    kept = json.loads(path.read_text().replace(*instead) if any(instead) else path.read_text())
    return WorkflowHistory.from_json(kept["workflow_id"], kept["history"])


# Our workers run sagas without it, for what it costs (decision 0014); here it looks at every line of them.
SANDBOX = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("domain"))


def replayer() -> Replayer:
    """Replay inside the sandbox, which refuses clocks, chance, files and networks."""
    return Replayer(
        workflows=worker.WORKFLOWS,
        workflow_runner=SANDBOX,
        data_converter=pydantic_data_converter,
        debug_mode=True,  # a machine that stands still for two seconds is no saga that blocks
    )
