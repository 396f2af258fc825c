"""Each rule that a request may break is named, and said in one sentence that repeats nothing of it."""

from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from api.passenger import Country, Day
from api.rule import broken
from api.shape import Email, MoneyShape, Quantity, Shape, WrittenInstant


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


INSTANT = "An instant with its offset from UTC, such as 2027-05-01T09:00:00Z."
SOME, ONE = Annotated[tuple[int, ...], Field(min_length=1)], Annotated[tuple[int, ...], Field(max_length=1)]
RULES: list[tuple[Any, Any, str, str]] = [
    (MoneyShape, "sent", "wrong_type", "An object."),
    (MoneyShape, {"minor": 1, "currency": "sent"}, "invalid", "A text that matches ^[A-Z]{3}$."),
    (MoneyShape, {"minor": 1}, "missing", "This is required."),
    (Shape, {"sent": 1}, "unknown_field", "There is no such field."),
    (Quantity, "sent", "wrong_type", "A whole number."),
    (Quantity, 0, "too_small", "At least 1."),
    (Quantity, 101, "too_large", "At most 100."),
    (Annotated[int, Field(gt=0, lt=5)], 0, "too_small", "More than 0."),
    (Annotated[int, Field(gt=0, lt=5)], 5, "too_large", "Less than 5."),
    (int, "sent", "invalid", "A whole number."),
    (int, 1.5, "invalid", "A whole number."),
    (int, "9" * 5_000, "invalid", "A whole number."),
    (bool, "sent", "invalid", "true or false."),
    (bool, [], "wrong_type", "true or false."),
    (str, 1, "wrong_type", "A text."),
    (Annotated[str, Field(min_length=5)], "sent", "too_short", "The length is at least 5."),
    (Annotated[str, Field(max_length=3)], "sent", "too_long", "The length is at most 3."),
    (tuple[int, ...], "sent", "wrong_type", "A list."),
    (dict[str, int], "sent", "wrong_type", "This value is not valid."),
    (list[int], "sent", "wrong_type", "A list."),
    (SOME, [], "too_short", "The number of items is at least 1."),
    (ONE, [1, 2], "too_long", "The number of items is at most 1."),
    (Colour, "sent", "not_allowed", "One of 'red' or 'blue'."),
    (Literal["red"], "sent", "not_allowed", "One of 'red'."),
    (UUID, "sent", "invalid", "A UUID."),
    (UUID, 7, "wrong_type", "A UUID."),
    (Email, "sent", "invalid", "An e-mail address, such as name@example.com."),
    (WrittenInstant, "sent", "invalid", "An instant of RFC 3339, such as 2027-05-01T09:00:00Z."),
    (WrittenInstant, "2027-02-30T09:00:00Z", "invalid", INSTANT),
    (WrittenInstant, "2027-05-01T09:00:00", "invalid", INSTANT),
    (WrittenInstant, "2027-05-01T99:00:00Z", "invalid", INSTANT),
    (Day, "sent", "invalid", "A day, such as 2027-05-01."),
    (Day, "2027-02-30", "invalid", "A day, such as 2027-05-01."),
    (Country, "sent", "invalid", "A country by its two letters of ISO 3166-1."),
]


@pytest.mark.parametrize(("shape", "value", "code", "sentence"), RULES)
def test_a_broken_rule_is_named_and_said(shape: Any, value: Any, code: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as no:
        TypeAdapter(shape).validate_python(value)

    [error] = no.value.errors()
    assert broken(error) == (code, sentence)
