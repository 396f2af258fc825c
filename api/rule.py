"""The rules that a request may break: the name of each for programs, and what is asked for in one sentence.

No sentence repeats what was sent. A validator of ours names its rule by raising
`PydanticCustomError("invalid", "...")`.
"""

from collections.abc import Mapping
from typing import Any

_INSTANT = ("invalid", "An instant with its offset from UTC, such as 2027-05-01T09:00:00Z.")
_DAY = ("invalid", "A day, such as 2027-05-01.")
_WHOLE = ("invalid", "A whole number.")
_YES_OR_NO = ("invalid", "true or false.")

# By Pydantic's name for what is wrong.
_RULES: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "This is required."),
    "extra_forbidden": ("unknown_field", "There is no such field."),
    "greater_than": ("too_small", "More than {gt}."),
    "greater_than_equal": ("too_small", "At least {ge}."),
    "less_than": ("too_large", "Less than {lt}."),
    "less_than_equal": ("too_large", "At most {le}."),
    "string_too_short": ("too_short", "The length is at least {min_length}."),
    "string_too_long": ("too_long", "The length is at most {max_length}."),
    "too_short": ("too_short", "The number of items is at least {min_length}."),
    "too_long": ("too_long", "The number of items is at most {max_length}."),
    "enum": ("not_allowed", "One of {expected}."),
    "literal_error": ("not_allowed", "One of {expected}."),
    "string_pattern_mismatch": ("invalid", "A text that matches {pattern}."),
    "uuid_parsing": ("invalid", "A UUID."),
    "uuid_type": ("wrong_type", "A UUID."),
    "string_type": ("wrong_type", "A text."),
    "int_type": ("wrong_type", "A whole number."),
    "bool_type": ("wrong_type", "true or false."),
    "tuple_type": ("wrong_type", "A list."),
    "list_type": ("wrong_type", "A list."),
    "model_type": ("wrong_type", "An object."),
    "model_attributes_type": ("wrong_type", "An object."),
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "bool_parsing": _YES_OR_NO,
    "datetime_type": ("wrong_type", _INSTANT[1]),
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": _INSTANT,
    "date_type": ("wrong_type", _DAY[1]),
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
}
_ADDRESS = ("invalid", "An e-mail address, such as name@example.com.")


def broken(detail: Mapping[str, Any]) -> tuple[str, str]:
    """Name the rule of one of Pydantic's errors, and say what is asked for."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "invalid":
        return kind, detail["msg"]
    if kind == "value_error" and "reason" in context:
        return _ADDRESS
    unsaid = ("wrong_type" if kind.endswith("_type") else "invalid", "This value is not valid.")
    code, sentence = _RULES.get(kind, unsaid)
    return code, sentence.format_map(context)
