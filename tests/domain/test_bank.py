"""References of bank transfers: each payment's own, and told from a slip of the pen."""

from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from domain.bank import creditor_reference, is_sound, without_blanks
from domain.ids import UNAMBIGUOUS, PaymentId

PAYMENTS = st.uuids().map(PaymentId)


@given(PAYMENTS)
def test_a_reference_is_one_of_iso_11649_that_people_can_read(payment_id: PaymentId) -> None:
    reference = creditor_reference(payment_id)

    assert is_sound(reference)
    assert (reference[:2], len(reference)) == ("RF", 20)
    assert set(reference[4:]) <= set(UNAMBIGUOUS)


@given(PAYMENTS, st.integers(4, 18), st.sampled_from(UNAMBIGUOUS))
def test_a_slip_of_the_pen_is_found(payment_id: PaymentId, at: int, letter: str) -> None:
    reference = creditor_reference(payment_id)
    another = reference[:at] + letter + reference[at + 1 :]
    swapped = reference[:at] + reference[at + 1] + reference[at] + reference[at + 2 :]

    # A digit for a letter is another length of number to the standard, which one time in 97 does not see it.
    if letter.isdigit() is reference[at].isdigit():
        assert is_sound(another) is (another == reference)
    if reference[at].isdigit() is reference[at + 1].isdigit():  # "M2" and "2M" are one number to the standard
        assert is_sound(swapped) is (swapped == reference)


def test_payments_that_are_made_one_after_the_other_have_references_of_their_own() -> None:
    made = [PaymentId(UUID(int=0x019A_1FED_185C_7657_8D9A_C50B_8126_0000 + n)) for n in range(1_000)]

    assert len(set(map(creditor_reference, made))) == len(made)


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("RF18539007547034", True),  # the standard's own example
        ("DE89370400440532013000", True),
        ("GB82WEST12345698765432", True),
        ("DE89370400440532013001", False),
        ("RF18", False),
        ("", False),
        ("RF18 5390 0754 7034", False),
        ("١٢", False),
    ],
)
def test_check_digits_are_those_of_the_standard(text: str, sound: bool) -> None:
    assert is_sound(text) is sound


def test_what_people_group_is_read_as_machines_write_it() -> None:
    assert without_blanks(" rf18 5390\u00a00754 7034\n") == "RF18539007547034"
