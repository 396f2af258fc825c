"""Every declared step is done by exactly one activity of the same types, and every undo is a step."""

import inspect
import typing
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import NoneType

import pytest
from temporalio import activity

from workflows import names, steps
from workflows.steps import STEPS, Step

ROOT = Path(__file__).parents[2]


def implementations() -> list[tuple[str, typing.Any]]:
    """List (registered name, function) of every activity on the activities' floor."""
    found = []
    for path in sorted((ROOT / "activities").glob("*.py")):
        module = (
            import_module(f"activities.{path.stem}")
            if path.stem != "__init__"
            else import_module("activities")
        )
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ != module.__name__:
                continue
            for _, function in inspect.getmembers(kind, inspect.isfunction):
                definition = activity._Definition.from_callable(function)
                if definition:
                    found.append((definition.name or "", function))
    return found


def declared(step: Step[typing.Any, typing.Any]) -> tuple[typing.Any, typing.Any]:
    """Give the (request, answer) types that the declaration of a step names."""
    name = next(name for name, value in vars(steps).items() if value is step)
    source = Path(steps.__file__).read_text()
    request = source.partition(f"\n{name} = Step[")[2].partition("]")[0].split(", ")[0]
    return getattr(steps, request), step.answer


def test_every_step_has_exactly_one_activity_and_every_activity_is_a_step() -> None:
    assert Counter(name for name, _ in implementations()) == Counter(step.name for step in STEPS)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_and_its_activity_agree_on_their_types(step: Step[typing.Any, typing.Any]) -> None:
    function = dict(implementations())[step.name]
    hints = typing.get_type_hints(function)
    answer = hints.pop("return")

    request, promised = declared(step)
    assert list(hints.values()) == [request]
    assert (NoneType if answer is None else answer) is promised


@pytest.mark.parametrize("step", [step for step in STEPS if step.undo], ids=lambda step: step.name)
def test_an_undo_is_a_step_that_takes_the_same_request_and_answers_nothing(
    step: Step[typing.Any, typing.Any],
) -> None:
    assert step.undo in STEPS
    assert step.undo is not None
    assert declared(step.undo) == (declared(step)[0], NoneType)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_stands_under_its_own_name_on_a_queue_we_serve(step: Step[typing.Any, typing.Any]) -> None:
    assert getattr(steps, step.name) is step
    assert step.queue is None or step.queue in names.QUEUES


def test_sibling_queues_share_the_prefix_of_their_stack() -> None:
    assert names.beside("bookings", names.PROVIDERS) == "providers"
    assert names.beside("t1-bookings", names.NOTICES) == "t1-notices"
