"""The booking module and the payment module keep to what each has published, and understand each other."""

import base64
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are a package that nothing else needs
import pytest

from tests.rules.contract import FACT, SIDES, Shape, misfits, published

HISTORIES = sorted((Path(__file__).parents[1] / "histories").glob("*.json"))

ADVICE = """
What the {side} module says to the other one is not what it has published. If that is meant, and the other
side understands it, publish it:

    ./dev test tests/rules/contract.py
"""


def misunderstandings(booking: Shape, payment: Shape) -> list[str]:
    """List what one side asks or tells and the other does not understand."""
    found = [f"{name} is done by nobody" for name in booking["asks"].keys() - payment["does"].keys()]
    for name in sorted(booking["asks"].keys() & payment["does"].keys()):
        asks, does = booking["asks"][name], payment["does"][name]
        found += misfits(does["request"], asks["request"], name)
        found += misfits(asks["answer"], does["answer"], name)
    for name, heard in booking["hears"].items():
        found += misfits(heard, payment["tells"][name], name)
    return found


@pytest.mark.row("SAG-30")
@pytest.mark.parametrize("side", SIDES)
def test_a_side_says_what_it_has_published(side: str) -> None:
    assert json.loads(json.dumps(SIDES[side]())) == published(side), ADVICE.format(side=side)


@pytest.mark.row("SAG-30")
def test_the_sides_understand_each_other() -> None:
    assert misunderstandings(published("booking"), published("payment")) == []


# How one side may change alone: where, and how its members look then.
ALONE: list[tuple[str, tuple[str, ...], str]] = [
    ("payment", ("does", "capture_payment", "request"), "amount"),
    ("payment", ("does", "check_payment", "answer"), "status"),
    ("payment", ("tells", FACT), "payment_id"),
    ("booking", ("asks", "create_payment", "request"), "wish"),
    ("booking", ("asks", "close_payment", "answer"), "closing"),
]


@pytest.mark.row("SAG-30")
@pytest.mark.parametrize(("side", "place", "member"), ALONE)
@pytest.mark.parametrize("how", ["renamed", "retyped"])
def test_a_side_that_changes_alone_is_found(side: str, place: tuple[str, ...], member: str, how: str) -> None:
    sides = {name: copy.deepcopy(published(name)) for name in SIDES}
    shape: Any = sides[side]
    for step in place:
        shape = shape[step]
    if how == "renamed":
        shape["properties"][f"new_{member}"] = shape["properties"].pop(member)
        shape["required"] = [name.replace(member, f"new_{member}") for name in shape["required"]]
    else:
        shape["properties"][member] = {"type": "boolean"}

    assert misunderstandings(**sides) != []


@pytest.mark.row("SAG-30")
@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_what_was_really_said_keeps_to_what_is_published(path: Path) -> None:
    booking, payment = published("booking"), published("payment")

    for name, part, said in sayings(path):
        if name == FACT:
            jsonschema.validate(said, booking["hears"][name])
            jsonschema.validate(said, payment["tells"][name])
        elif name in payment["does"]:
            jsonschema.validate(said, payment["does"][name][part])


def sayings(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Give what a recorded run has asked of steps, was answered, and was told by signals."""
    kept = json.loads(path.read_text())
    if "history" not in kept:
        return
    history = kept["history"]
    asked: dict[str, str] = {}
    for event in (json.loads(history) if isinstance(history, str) else history)["events"]:
        if what := event.get("activityTaskScheduledEventAttributes"):
            asked[event["eventId"]] = name = what["activityType"]["name"]
            yield name, "request", _read(what["input"])
        elif what := event.get("activityTaskCompletedEventAttributes"):
            yield asked[what["scheduledEventId"]], "answer", _read(what.get("result"))
        elif "input" in (what := event.get("workflowExecutionSignaledEventAttributes", {})):
            yield what["signalName"], "request", _read(what["input"])


def _read(payloads: Any) -> Any:
    (payload,) = payloads["payloads"]
    text = base64.b64decode(payload.get("data", "")).decode()
    return json.loads(text) if text else None
