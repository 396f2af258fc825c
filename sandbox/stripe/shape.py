"""The judge of parameters: what the pinned SDK's types do not allow, the sandbox refuses as Stripe would."""

import re
import types
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stripe import RequestOptions, StripeContext

from sandbox.stripe.error import StripeError, invalid, missing, unknown

Read = Callable[[Any, str], Any]  # value as decoded, name for messages -> value as meant

INTEGER = re.compile(r"[+-]?\d{1,18}")
MAX_TEXT = 5000
NO_LONGER_SUPPORTED = "payment_method_types"
FREE_TEXT_ENUMS = {"locale"}  # Stripe falls back instead of refusing


def judge(params_class: type, given: Mapping[str, Any], also: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the parameters with their types, or raise the StripeError Stripe would answer.

    `also` are names the endpoint takes beyond the class, such as a client secret; they are passed through.
    """
    if NO_LONGER_SUPPORTED in given and NO_LONGER_SUPPORTED not in _fields(params_class)[0]:
        raise StripeError(
            400,
            "The parameter `payment_method_types` is no longer supported in this API version. Use "
            "`automatic_payment_methods` or `allowed_payment_method_types` instead.",
            code="payment_method_types_no_longer_supported",
            param=NO_LONGER_SUPPORTED,
        )
    own = {name: value for name, value in given.items() if name not in also}
    return _struct(params_class, own, "") | {name: given[name] for name in also if name in given}


@cache
def _fields(cls: type) -> tuple[dict[str, Read], tuple[str, ...]]:
    """Return a reader per field of a TypedDict and the required names; the SDK's request options are none."""
    hints = get_type_hints(cls, localns={"StripeContext": StripeContext, "Mapping": Mapping})
    own = {name: hint for name, hint in hints.items() if name not in RequestOptions.__annotations__}
    readers = {name: _reader(hint, name) for name, hint in own.items()}
    required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
    return readers, tuple(sorted(required & own.keys()))


def _struct(cls: type, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid("Invalid object", name)
    readers, required = _fields(cls)
    for field in value:
        if field not in readers:
            raise unknown(_inside(name, field))
    for field in required:
        if field not in value:
            raise missing(_inside(name, field))
    return {field: readers[field](item, _inside(name, field)) for field, item in value.items()}


def _inside(name: str, field: str) -> str:
    return f"{name}[{field}]" if name else field


def _reader(hint: Any, field: str) -> Read:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(list(get_args(hint)), field)
    if origin is Literal:
        return _enum(get_args(hint))
    if origin is list:
        return _list(_reader(get_args(hint)[0], field))
    if origin is dict:
        return _map
    if isinstance(hint, type) and hasattr(hint, "__required_keys__"):
        return lambda value, name: _struct(hint, value, name)
    return {int: _int, bool: _bool, float: _decimal, Decimal: _decimal}.get(hint, _text)


def _union(options: list[Any], field: str) -> Read:
    words = tuple(word for option in options if get_origin(option) is Literal for word in get_args(option))
    nested = [option for option in options if _is_nested(option)]
    deep = _reader(nested[0], field) if nested else None
    text = _text if str in options or not nested else None
    flat = _flat(options, tuple(word for word in words if word), field) or text

    def read(value: Any, name: str) -> Any:
        if value == "" and "" in words:
            return ""
        if deep is not None and (isinstance(value, dict) or flat is None):
            return deep(value, name)
        return (flat or _text)(value, name)

    return read


def _is_nested(option: Any) -> bool:
    return get_origin(option) in (list, dict) or hasattr(option, "__required_keys__")


def _flat(options: list[Any], words: tuple[str, ...], field: str) -> Read | None:
    """Return the reader of the options that are one string on the wire, None if there is no such option."""
    if field in FREE_TEXT_ENUMS:
        return _text
    if words:
        return _enum(words + (("true", "false") if bool in options else ()))
    plain = [option for option in options if option in (int, bool, float, Decimal)]
    return _reader(plain[0], field) if plain else None


def _enum(words: tuple[str, ...]) -> Read:
    known = frozenset(words)

    def read(value: Any, name: str) -> str:
        if not isinstance(value, str) or value not in known:
            listed = ", ".join(words[:-1]) + f", or {words[-1]}" if len(words) > 1 else words[0]
            raise invalid(f"Invalid {name}: must be one of {listed}", name)
        return value

    return read


def _list(item: Read) -> Read:
    def read(value: Any, name: str) -> list[Any]:
        if not isinstance(value, dict) or not all(key.isdecimal() and len(key) < 6 for key in value):
            raise invalid("Invalid array", name)
        return [item(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]

    return read


def _map(value: Any, name: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise invalid(f"Invalid hash: {name}", name)
    return {key: _plain(item, _inside(name, key)) for key, item in value.items()}


def _plain(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", name)
    return value


def _text(value: Any, name: str) -> str:
    text = _plain(value, name)
    if text == "":
        raise invalid(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
            f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or "
            "supply a non-empty value.",
            name,
            "parameter_invalid_empty",
        )
    if len(text) > MAX_TEXT:
        raise invalid(
            f"Invalid string: {name} must be at most {MAX_TEXT} characters", name, "parameter_invalid_string"
        )
    return text


def _int(value: Any, name: str) -> int:
    if not isinstance(value, str) or not (value.isascii() and INTEGER.fullmatch(value)):
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    return int(value)


def _bool(value: Any, name: str) -> bool:
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", name)
    return bool(value == "true")


def _decimal(value: Any, name: str) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) and len(value) < 40 else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise invalid(f"Invalid decimal: {value}", name)
    return number
