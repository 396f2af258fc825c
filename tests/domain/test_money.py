"""Money adds, splits and shows without losing a cent or mixing currencies."""

import pytest
from hypothesis import given, strategies as st

from domain.money import Money, allocate, exponent, zero

amounts = st.integers(min_value=-(10**12), max_value=10**12)
weights = st.lists(st.integers(min_value=0, max_value=10_000), min_size=1, max_size=20).filter(any)


@given(amounts, weights)
def test_a_split_adds_up_to_the_whole(minor: int, parts: list[int]) -> None:
    split = allocate(Money(minor=minor, currency="EUR"), parts)

    assert sum(split, zero("EUR")).minor == minor
    assert len(split) == len(parts)


@given(st.integers(min_value=0, max_value=10**9), weights)
def test_no_part_is_further_than_one_unit_from_its_share(minor: int, parts: list[int]) -> None:
    for part, weight in zip(allocate(Money(minor=minor, currency="JPY"), parts), parts, strict=True):
        assert abs(part.minor * sum(parts) - minor * weight) < sum(parts)


def test_leftover_units_go_to_the_largest_remainder_and_then_to_the_earlier_part() -> None:
    split = allocate(Money(minor=100, currency="EUR"), [1, 1, 1])

    assert [part.minor for part in split] == [34, 33, 33]


@pytest.mark.parametrize("parts", [[0, 0], [-1, 2]])
def test_a_split_by_nothing_is_a_defect(parts: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(Money(minor=1, currency="EUR"), parts)


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Money(minor=1, currency="EUR") + Money(minor=1, currency="USD")


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (59999, "USD", "599.99 USD"),
        (5, "EUR", "0.05 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (1500, "JPY", "1500 JPY"),
        (1234, "KWD", "1.234 KWD"),
    ],
)
def test_money_is_shown_with_the_decimals_of_its_currency(minor: int, currency: str, shown: str) -> None:
    assert str(Money(minor=minor, currency=currency)) == shown
    assert exponent(currency) == len(shown.split(maxsplit=1)[0].partition(".")[2])


@pytest.mark.parametrize("currency", ["eur", "EU", "EURO", ""])
def test_a_currency_is_three_capitals(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        Money(minor=1, currency=currency)
