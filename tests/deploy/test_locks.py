"""What is installed is what was locked: by hash, from nowhere in particular."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.compose import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted(path.name for path in (ROOT / "requirements").glob("*.lock*"))
BY_LOCK = {
    "image.lock": PROJECT["project"]["dependencies"],
    "local.lock": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["local"],
    ],
    "dev.lock": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["local"],
        *PROJECT["dependency-groups"]["dev"],
    ],
}


def entries(lock: str) -> list[str]:
    """Answer the entries of a lock, each with its hashes in one line, comments left out."""
    text = re.sub(r"^\s*#.*\n?", "", (ROOT / "requirements" / lock).read_text(), flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def pins(lock: str) -> dict[str, set[str]]:
    """Answer the pinned versions of each package (more than one where they differ between machines)."""
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        name, version = re.match(r"([\w.-]+)==([\w.!+-]+)", entry).groups()  # type: ignore[union-attr]
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def test_there_is_a_lock_for_each_use() -> None:
    assert LOCKS == ["dev.lock", "image.lock", "local.lock", "uv.lock.txt"]
    assert not (ROOT / "uv.lock").exists()
    assert not (ROOT / "pylock.toml").exists()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock: str) -> None:
    assert "://" not in (ROOT / "requirements" / lock).read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    assert [entry for entry in entries(lock) if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", BY_LOCK)
def test_every_requirement_is_met_by_its_pin(lock: str) -> None:
    here = pins(lock)

    for text in BY_LOCK[lock]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate():
            versions = here[canonicalize_name(requirement.name)]
            assert all(requirement.specifier.contains(version, prereleases=True) for version in versions), (
                text
            )


@pytest.mark.parametrize(("smaller", "larger"), [("image.lock", "local.lock"), ("local.lock", "dev.lock")])
def test_a_larger_lock_holds_the_pins_of_the_smaller(smaller: str, larger: str) -> None:
    more = pins(larger)

    assert {name: more.get(name) for name in pins(smaller)} == pins(smaller)


@pytest.mark.row("DEP-14", partly="the jobs of the sources come with their features")
@pytest.mark.parametrize(
    "second", ["celery", "rq", "dramatiq", "arq", "apscheduler", "huey", "kombu", "boto3", "redis"]
)
def test_no_second_queue_or_scheduler_is_among_the_dependencies(second: str) -> None:
    assert second not in pins("image.lock")


@pytest.mark.row("DEP-16", partly="the folders and the direction of imports stand in tests/rules")
@pytest.mark.parametrize(
    "package",
    [
        "temporalio",
        "fastapi",
        "sqlmodel",
        "asyncpg",
        "stripe",
        "adyen",
        "pydantic",
        "pyjwt",
        "segno",
        "sendgrid",
    ],
)
def test_the_packages_of_the_brief_are_dependencies(package: str) -> None:
    asked = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}

    assert package in asked
