"""References are unique, match their tenant's pattern and hold no look-alike letters."""

import re
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from domain.ids import UNAMBIGUOUS, derived, reference

PAYMENT = UUID("0198c0de-0000-7000-8000-000000000001")


@pytest.mark.row("SAG-11")
def test_a_million_references_hold_no_duplicate() -> None:
    made = {reference("FLY2A-{code:6}", year=2026, number=number) for number in range(1_000_000)}

    assert len(made) == 1_000_000


@pytest.mark.row("SAG-11")
@given(st.integers(min_value=0, max_value=31**6 - 1))
def test_references_match_their_pattern(number: int) -> None:
    assert re.fullmatch(rf"FLY2A-[{UNAMBIGUOUS}]{{6}}", reference("FLY2A-{code:6}", year=2026, number=number))
    assert re.fullmatch(r"BK-2026-\d{6,}", reference("BK-{year}-{number:6}", year=2026, number=number))


def test_a_short_code_uses_every_value_once_before_it_repeats() -> None:
    made = [reference("{code:3}", year=2026, number=number) for number in range(31**3)]

    assert len(set(made)) == 31**3
    assert reference("{code:3}", year=2026, number=31**3) == made[0]


def test_codes_hold_no_letters_that_people_confuse() -> None:
    assert not set("01OIL") & set(UNAMBIGUOUS)


def test_a_pattern_with_an_unknown_part_is_a_defect() -> None:
    with pytest.raises(ValueError, match="month"):
        reference("BK-{month:2}", year=2026, number=1)


def test_a_derived_id_is_the_same_on_every_repeat_and_differs_by_purpose() -> None:
    assert derived(PAYMENT, "refund:1") == derived(PAYMENT, "refund:1")
    assert derived(PAYMENT, "refund:1") != derived(PAYMENT, "refund:2")
