"""The building stones of our request and answer shapes: strict numbers, plain text, bounded everything.

Requests refuse fields they do not know (a misspelt field is a silent loss) and never convert: `false` and
`"1"` are no integers. The control characters, card numbers and sizes of all texts are looked at before, in
`api/body.py`.
"""

import re
from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    JsonValue,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from domain.money import Money

MOST_MINOR = 9_999_999_999


class Shape(BaseModel):
    """A request: frozen, and nothing in it that the route does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def example(**members: JsonValue) -> ConfigDict:
    """Show a request as somebody would send it."""
    return ConfigDict(json_schema_extra={"examples": [members]})


class Answer(BaseModel):
    """An answer; it may grow by fields, never lose one."""

    model_config = ConfigDict(frozen=True)


class MoneyShape(Shape):
    """An amount as a caller writes it: integer minor units and ISO 4217."""

    minor: Annotated[int, Field(strict=True, ge=0, le=MOST_MINOR)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]

    def money(self) -> Money:
        """Give the amount as the rules know it."""
        return Money(minor=self.minor, currency=self.currency)


def _written(value: object) -> object:
    # Not the seconds since 1970 that Pydantic would take as well.
    # The first and the last year lack instants that another zone's clock can show.
    if not isinstance(value, str) or not re.match(r"(?!0001|9999)\d{4}-\d\d-\d\d[Tt ]", value):
        raise PydanticCustomError("invalid", "An instant of RFC 3339, such as 2027-05-01T09:00:00Z.")
    return value


Quantity = Annotated[int, Field(strict=True, ge=1, le=100)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[EmailStr, Field(max_length=254)]
Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164", examples=["+4930123456"])]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$", description="BCP 47", examples=["de-DE"])]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Instant = AwareDatetime
WrittenInstant = Annotated[AwareDatetime, BeforeValidator(_written)]
Limit = Annotated[int, Field(ge=1, le=200, description="Items per page")]
Cursor = Annotated[str, Field(min_length=1, max_length=200, description="From `next` of the page before")]
