"""A refusal survives the wire under its class name."""

import pytest

from domain import refusal
from domain.refusal import Refusal, SoldOut


@pytest.mark.parametrize("name", sorted(refusal.kinds()))
def test_a_refusal_is_rebuilt_from_its_name_and_facts(name: str) -> None:
    rebuilt = refusal.named(name, "no", {"left": 1})

    assert type(rebuilt).__name__ == name
    assert isinstance(rebuilt, Refusal)
    assert (rebuilt.detail, rebuilt.facts, rebuilt.code) == ("no", {"left": 1}, refusal.code_of(name))


def test_codes_are_distinct_snake_case() -> None:
    codes = [refusal.code(kind) for kind in refusal.kinds().values()]

    assert len(set(codes)) == len(codes)
    assert SoldOut().code == "sold_out"


def test_an_unknown_name_is_no_refusal() -> None:
    assert refusal.named("ZeroDivisionError", "", {}) is None


def test_the_tree_at_the_top_of_the_module_names_every_refusal() -> None:
    drawn = refusal.__doc__ or ""

    assert [name for name in refusal.kinds() if name not in drawn] == []
