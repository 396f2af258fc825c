"""The pipeline runs every kind of check, by the commands that are there at a desk too (DEP-08)."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.deploy.compose import ROOT

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
STEPS = {
    step["name"].lower(): step["run"]
    for job in PIPELINE["jobs"].values()
    for step in job["steps"]
    if "run" in step
}


def test_the_pipeline_obeys_the_schema() -> None:
    check = shutil.which("check-jsonschema", path=str(ROOT / ".venv" / "bin")) or "check-jsonschema"
    command = [check, "--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.row("DEP-08")
@pytest.mark.parametrize(
    "kind", ["lint", "types", "unit", "integration", "contract", "replay", "load", "security"]
)
def test_the_pipeline_runs_every_kind_of_check(kind: str) -> None:
    assert [run for name, run in STEPS.items() if kind in name]


@pytest.mark.row("DEP-08")
def test_every_step_is_a_command_of_the_desk() -> None:
    ours = [run for name, run in STEPS.items() if not name.startswith(("chromium", "security (known"))]

    assert ours
    assert all(run.removeprefix("sudo ").startswith(("./dev ", "./.ci/run")) for run in ours)


def test_everything_that_the_pipeline_tests_is_there_and_every_folder_is_tested() -> None:
    named = {path for run in STEPS.values() for path in re.findall(r"\btests/[\w/.]+", run)}
    there = {f"tests/{path.parent.name}" for path in ROOT.glob("tests/*/test_*.py")}

    assert there - named == set()
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.row("DEP-08")
def test_one_local_command_runs_the_same() -> None:
    script = (ROOT / ".ci" / "run").read_text()

    assert re.search(r"^export CI=true$", script, re.MULTILINE)
    assert re.search(r"^\./dev check\n\./dev test ", script, re.MULTILINE)


@pytest.mark.parametrize(
    "action", re.findall(r"uses: (\S+)", (ROOT / ".github/workflows/ci.yml").read_text())
)
def test_actions_are_pinned(action: str) -> None:
    assert re.search(r"@v\d+$", action)
