"""What the booking module and the payment module say to each other, as each side's own code has it (SAG-30):

    ./dev test tests/rules/contract.py

publishes both sides anew in `docs/contracts/`. Not a test by its name, so that only who asks for it runs it.
"""

import ast
import json
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from pydantic import TypeAdapter

from activities.teller import Teller
from domain import schema
from tests.rules.test_steps import declared, implementations
from workflows.booking import BookingWorkflow
from workflows.steps import STEPS

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "contracts"

BOOKING = ("booking", "asking", "checkout", "ending", "deadline", "aftercare")
PAYMENT = ("activities.payment", "activities.refund")
FACT = "payment_reported"

# What says nothing about what a reader has to understand.
WORDS = ("title", "description", "examples")

Shape: typing.TypeAlias = dict[str, Any]


def booking() -> Shape:
    """Give what the booking module asks of payments and understands of the answers, and what it is told."""
    done_there = set(_payment_steps())
    asked = [step for step in STEPS if step.name in done_there & _asked_by_bookings()]
    updates = ("start_payment", "check_payment", "cancel_payment", "take_payment")
    return {
        "asks": {
            step.name: {"request": written(declared(step)[0]), "answer": written(step.answer)}
            for step in asked
        },
        "hears": {FACT: written(_taken(BookingWorkflow.payment_reported))},
        "takes": {name: written(_taken(getattr(BookingWorkflow, name))) for name in updates},
    }


def payment() -> Shape:
    """Give what the payment module does when it is asked, what it tells, and the events it writes."""
    return {
        "does": {
            name: {"request": written(_taken(step)), "answer": written(_given(step))}
            for name, step in _payment_steps().items()
        },
        "tells": {FACT: written(typing.get_type_hints(Teller.after)["fact"])},
        "events": {
            kind: written(known.data) | {"version": known.version}
            for kind, known in schema.SCHEMAS.items()
            if kind.startswith(("payment.", "refund."))
        },
    }


SIDES: Mapping[str, Callable[[], Shape]] = {"booking": booking, "payment": payment}


def written(kind: Any) -> Shape:
    """Write the schema of a shape with every reference resolved, without words for people."""
    told = TypeAdapter(kind).json_schema()
    return _plain(told, told.pop("$defs", {}))  # type: ignore[no-any-return]


def published(side: str) -> Shape:
    """Read what a side has published."""
    kept: Shape = json.loads((PUBLISHED / f"{side}.json").read_text())
    return kept


def misfits(wanted: Shape, given: Shape, place: str = "") -> Iterator[str]:
    """Say what a reader of `wanted` would not find, or not understand, in what is `given`.

    More may be given than is wanted.
    """
    options = wanted.get("anyOf")
    if options and "anyOf" not in given:
        if all(any(misfits(option, given)) for option in options):
            yield f"{place}: {given} is none of {options}"
        return
    if "properties" in wanted:
        known = given.get("properties", {})
        for name in sorted(set(wanted.get("required", ())) - set(given.get("required", ()))):
            yield f"{place}/{name} is needed"
        for name in sorted(wanted["properties"].keys() & known.keys()):
            yield from misfits(wanted["properties"][name], known[name], f"{place}/{name}")
        return
    if wanted != given:
        yield f"{place}: {given} where {wanted} is understood"


def _plain(node: Any, shared: Shape) -> Any:
    if isinstance(node, list):
        return [_plain(item, shared) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(shared[node["$ref"].rpartition("/")[2]], shared)
    if "properties" in node:
        members = {name: _plain(member, shared) for name, member in node["properties"].items()}
        return {"type": "object", "properties": members, "required": sorted(node.get("required", ()))}
    return {key: _plain(value, shared) for key, value in node.items() if key not in WORDS}


def _payment_steps() -> dict[str, Any]:
    return {name: step for name, step in sorted(implementations()) if step.__module__ in PAYMENT}


def _asked_by_bookings() -> set[str]:
    """Name the steps that the sagas of bookings ask for, and their undos."""
    files = [ROOT / "workflows" / f"{name}.py" for name in BOOKING]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    used = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "steps"
    }
    return used | {step.undo.name for step in STEPS if step.name in used and step.undo}


def _taken(function: Any) -> Any:
    """Give the type of what a message or step takes."""
    hints = typing.get_type_hints(function)
    hints.pop("return")
    (kind,) = hints.values()
    options = [option for option in typing.get_args(kind) if option is not NoneType]
    return options[0] if NoneType in typing.get_args(kind) else kind


def _given(function: Any) -> Any:
    return typing.get_type_hints(function)["return"]


def test_publish() -> None:
    """Publish both sides."""
    for side, tell in SIDES.items():
        (PUBLISHED / f"{side}.json").write_text(json.dumps(tell(), indent=1, sort_keys=True) + "\n")
