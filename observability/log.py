"""Logs: one JSON line per happening, for machines; coloured lines for a person in development.

Who is asking, for what and in which run stands in context variables (`bind`), so every line carries
request_id, tenant_id, booking_id, workflow_id and trace_id without being told. What must not be in a log is
taken out here, last, whoever wrote it: fields that hold a person or a secret, and in any text card numbers,
addresses of mail, keys and tokens.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TextIO
from uuid import UUID

import structlog
from opentelemetry import trace
from pydantic_core import PydanticSerializationError, to_json

Line = MutableMapping[str, Any]

# Fields that speak of a person, or open something. Dropped, wherever in a line they stand.
PERSONAL = frozenset(
    {
        "address",
        "birth_date",
        "birthday",
        "body",
        "card",
        "contact",
        "contact_email",
        "contact_name",
        "contact_phone",
        "cvc",
        "date_of_birth",
        "email",
        "family_name",
        "first_name",
        "full_name",
        "given_name",
        "holder_name",
        "iban",
        "ip",
        "last_name",
        "pan",
        "passport",
        "phone",
        "to",
    }
)
SECRET = frozenset(
    {
        "access_token",
        "api_key",
        "authorization",
        "client_secret",
        "cookie",
        "idempotency_key",
        "password",
        "secret",
        "set_cookie",
        "signature",
        "token",
    }
)
_DROPPED = PERSONAL | SECRET

_MASK = "•••"
# Made by ourselves.
_OURS = frozenset({"at", "level", "logger", "service", "span_id", "trace_id"})
# Nothing that is hidden is shorter, but for an address of mail.
_SHORTEST = 11
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_HIDDEN = (
    r"(?P<id>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"  # kept, though digits may look like a card
    r"|(?P<card>(?<!\d)(?:[2-6](?:[ -]?\d){12,18})(?!\d))"
    r"|(?P<key>\b(?:(?:sk|rk|pk)_(?:test|live)_|whsec_|SG\.)[\w.-]{8,}|\b(?:pi|seti)_\w+_secret_\w+)"
    r"|(?P<token>\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"
)
_WITH_AT = r"|(?P<login>(?<=://)[^\s/@]+(?=@))|(?P<mail>[^\s<>\"'(),;:=@]+@[\w-]+\.[\w.-]+)"
# Looking for what has an @ is dear, and most texts have none.
_WITHOUT, _WITH = re.compile(_HIDDEN, re.IGNORECASE), re.compile(_HIDDEN + _WITH_AT, re.IGNORECASE)

# Their chatter holds mails, keys or addresses of people; we say ourselves what was asked and answered.
_HUSHED = ("python_http_client", "stripe", "uvicorn.access", "aiohttp.access", "hpack", "urllib3")


def set_up(service: str, *, level: str = "info", pretty: bool = False, out: TextIO | None = None) -> None:
    """Send every line of this process to standard output, or `out`: ours, and those of libraries.

    `level` is debug, info, warning or error; `pretty` is for a person at a terminal.
    """
    out = out or sys.stdout
    shared, last = _shared(service), [clean, *_rendered(pretty)]
    # Our own lines go straight out: by way of the standard library each would cost twice as much.
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _Out(out, *names),
        cache_logger_on_first_use=True,
    )
    unwrapped = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_FOREIGN, *shared], processors=[unwrapped, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name in _HUSHED:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Out(structlog.WriteLogger):
    """Writes finished lines, and knows the name of who has them written."""

    def __init__(self, out: TextIO, name: str = "") -> None:
        super().__init__(out)
        self.name = name


@contextmanager
def bind(**ids: object) -> Iterator[None]:
    """Put ids on every line that is written inside, in this task and those it starts."""
    # structlog's own `bound_contextvars` copies the whole context first, for what these put back.
    before = structlog.contextvars.bind_contextvars(**{name: str(value) for name, value in ids.items()})
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**before)


def clean(_logger: object, _method: str, line: Line) -> Line:
    """Take out of a line what must not be in a log: the last processor before it is written."""
    for name in [name for name in line if name not in _OURS]:
        if _is_dropped(name):
            del line[name]
        else:
            line[name] = _cleaned(line[name])
    return line


def masked(text: str) -> str:
    """Hide card numbers, addresses of mail, keys, tokens and logins in a text."""
    if (len(text) < _SHORTEST and "@" not in text) or _ID.fullmatch(text):
        return text
    return (_WITH if "@" in text else _WITHOUT).sub(_hide, text)


def is_card_number(text: str) -> bool:
    """Say whether a text of digits could be a card's number: 13 to 19, the last being Luhn's check digit."""
    digits = [int(each) for each in text]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _hide(found: re.Match[str]) -> str:
    kept = found.lastgroup == "id" or (found.lastgroup == "card" and not _holds_card(found.group()))
    return found.group() if kept else _MASK


def _holds_card(run: str) -> bool:
    """Look for a card among groups of digits: another number may stand beside it."""
    groups = re.split("[ -]", run)
    return any(
        is_card_number("".join(groups[first:last]))
        for first in range(len(groups))
        for last in range(first + 1, len(groups) + 1)
    )


@lru_cache(1_000)
def _is_dropped(name: object) -> bool:
    return isinstance(name, str) and name.lower().replace("-", "_") in _DROPPED


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case bool() | float() | None | UUID():
            return value
        case int():
            return value if abs(value) < 10**12 else _number(value)
        case dict():
            return {name: _cleaned(each) for name, each in value.items() if not _is_dropped(name)}
        case list() | tuple() | set() | frozenset():
            return [_cleaned(each) for each in value]
        case _:
            return masked(str(value))


def _number(value: int) -> int | str:
    text = masked(str(value))
    return value if text == str(value) else text


def _shared(service: str) -> list[structlog.types.Processor]:
    def named(_logger: object, _method: str, line: Line) -> Line:
        line["service"] = service
        return line

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        named,
        _traced,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]


def _rendered(pretty: bool) -> Iterable[structlog.types.Processor]:  # noqa: FBT001 - what it asks is its name
    if pretty:
        return [
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), event_key="event", timestamp_key="at")
        ]
    return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(_json)]


def _json(line: Line, **_settings: object) -> str:
    try:
        return to_json(line, fallback=repr).decode()
    except PydanticSerializationError:  # half a surrogate pair, which UTF-8 cannot say
        return json.dumps(line, default=repr)


def _traced(_logger: object, _method: str, line: Line) -> Line:
    """Name the trace that a line was written in."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = trace.format_trace_id(context.trace_id)
        line["span_id"] = trace.format_span_id(context.span_id)
    return line


_TEMPORAL = ("temporal_workflow", "temporal_activity")


def _of_run(_logger: object, _method: str, line: Line) -> Line:
    """Keep of what Temporal's own loggers add the run's id; the rest stands in its history."""
    for name in _TEMPORAL:
        told = line.pop(name, None)
        if isinstance(told, dict) and told.get("workflow_id"):
            line.setdefault("workflow_id", told["workflow_id"])
    return line


_FOREIGN: list[structlog.types.Processor] = [structlog.stdlib.ExtraAdder(allow=_TEMPORAL), _of_run]
