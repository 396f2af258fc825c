"""Objects in full: every field the SDK's class knows, null until it is filled."""

from functools import cache
from typing import Any

from sandbox.record import Json

NEVER_EMPTY = {"deleted"}  # present only on objects that are gone


@cache
def _names(cls: type) -> Json:
    return dict.fromkeys(
        name
        for name in cls.__annotations__
        if not name.startswith("_") and name.upper() != name and name not in NEVER_EMPTY
    )


def filled(cls: type, **values: Any) -> Json:
    """Return an object of an SDK class with these values; a name the class does not have is a defect."""
    blank = _names(cls)
    if not values.keys() <= blank.keys():
        raise TypeError(f"{cls.__name__} has no {sorted(values.keys() - blank.keys())}")
    return blank | values
