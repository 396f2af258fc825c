"""Sealed fields open with a key we know, at the place they were sealed for, and nowhere else."""

import pytest
from hypothesis import given, strategies as st

from domain.value import Sealed
from providers.seal import Broken, Seal

OLD, NEW = "k1:" + "01" * 32, "k2:" + "02" * 32
PLACE = "passengers/passport/1/1"


@given(st.text())
def test_what_was_sealed_opens_again(text: str) -> None:
    seal = Seal(OLD)

    assert seal.open(seal.close(text, place=PLACE), place=PLACE) == text


def test_the_same_text_is_never_sealed_alike() -> None:
    seal = Seal(OLD)

    assert seal.close("P1", place=PLACE) != seal.close("P1", place=PLACE)


def test_it_opens_at_no_other_place() -> None:
    seal = Seal(OLD)
    sealed = seal.close("P1", place=PLACE)

    with pytest.raises(Broken):
        seal.open(sealed, place="passengers/passport/1/2")


def test_a_key_is_rotated_by_putting_the_new_one_in_front() -> None:
    before, after = Seal(OLD).close("P1", place=PLACE), Seal(f"{NEW},{OLD}")

    assert after.open(before, place=PLACE) == "P1"
    assert after.close("P1", place=PLACE).startswith("k2:")


@pytest.mark.parametrize(
    "broken",
    ["", "k1", "k1:!", "k9:AAAA", "k1:AAAA", "k1:" + "A" * 64],
    ids=["none", "name", "odd", "key", "short", "made up"],
)
def test_what_is_no_seal_of_ours_does_not_open(broken: str) -> None:
    with pytest.raises(Broken):
        Seal(OLD).open(Sealed(broken), place=PLACE)
