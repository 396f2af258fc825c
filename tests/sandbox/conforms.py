"""The judge of objects: does JSON obey the annotations of the SDK's classes, all the way down?"""

import inspect
import sys
import types
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe._stripe_object import UntypedStripeObject

PLAIN: dict[Any, Any] = {
    str: str,
    int: int,
    bool: bool,
    float: (int, float),
    Decimal: str,  # on the wire
    Any: object,
    dict: dict,
    UntypedStripeObject: dict,
    type(None): type(None),
}


def breaches(value: Any, hint: Any, owner: type, path: str) -> Iterator[str]:
    """Tell every place where `value` is not what `hint`, written in class `owner`, says."""
    hint = _meant(hint, owner)
    kind = get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        if all(list(breaches(value, option, owner, path)) for option in get_args(hint)):
            yield f"{path}: {value!r} is none of {hint}"
    elif kind is list:
        for position, item in enumerate(value if isinstance(value, list) else [value]):
            yield from breaches(item, get_args(hint)[0], owner, f"{path}[{position}]")
    elif kind is stripe.ListObject:
        yield from list_breaches(value, get_args(hint)[0], owner, path)
    elif isinstance(kind, type) and issubclass(kind, stripe.StripeObject) and kind is not UntypedStripeObject:
        yield from object_breaches(value, kind, path)
    elif not (value in get_args(hint) if kind is Literal else isinstance(value, PLAIN.get(kind, ()))):
        yield f"{path}: {value!r} is no {hint}"


def list_breaches(value: Any, item: Any, owner: type, path: str) -> Iterator[str]:
    """Tell what is wrong with a list object and the objects in it."""
    if not isinstance(value, dict) or value.keys() != {"object", "url", "has_more", "data"}:
        yield f"{path}: {value!r} is no list object"
        return
    for position, each in enumerate(value["data"]):
        yield from breaches(each, item, owner, f"{path}.data[{position}]")


def object_breaches(value: Any, cls: type, path: str) -> Iterator[str]:
    """Tell every place where an object is not what its SDK class says; what may be null must be there."""
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no {cls.__name__}"
        return
    for name, hint in fields(cls).items():
        if name not in value:
            if not _may_lack(hint, cls, name):
                yield f"{path}.{name} is missing"
        else:
            yield from breaches(value[name], hint, cls, f"{path}.{name}")
    for name in value.keys() - fields(cls).keys():
        yield f"{path}.{name} is unknown"


def _may_lack(hint: Any, cls: type, name: str) -> bool:
    """Top-level objects are complete but for what appears only once shown, once gone or when connected."""
    top = "OBJECT_NAME" in cls.__dict__
    optional = type(None) in get_args(_meant(hint, cls))
    return optional and (not top or name in ("secret", "deleted", "account", "context"))


@cache
def fields(cls: type) -> dict[str, Any]:
    """Return the annotated fields of an SDK class."""
    return {
        name: hint
        for name, hint in inspect.get_annotations(cls).items()
        if not name.startswith("_") and name != "OBJECT_NAME"
    }


def _meant(hint: Any, owner: type) -> Any:
    """Return what a hint means where it is a name; `ExpandableField[X]` means an id or X."""
    if isinstance(hint, ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        scope = _Names(owner)
        return eval(hint, {}, scope)  # noqa: S307 (the SDK's own annotations)
    return hint


class _Names(dict[str, Any]):
    """Names as an annotation of the SDK sees them."""

    def __init__(self, owner: type) -> None:
        super().__init__(vars(sys.modules[owner.__module__]) | vars(owner))

    def __missing__(self, name: str) -> Any:
        name = name.removesuffix("Resource")  # an alias where a field has the name of the class
        for place in (stripe, stripe.checkout):
            if hasattr(place, name):
                return getattr(place, name)
        return type(
            name, (), {}
        )  # a name for type checkers only, such as a legacy source: nothing here is one
