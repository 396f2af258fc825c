"""One call of SendGrid's API, and how it is answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.answer import Answer
from sandbox.record import Json
from sandbox.sendgrid.shape import error
from sandbox.work import Work

JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Call:
    """What a route is given: the names in its path, the query and the JSON that was sent."""

    work: Work
    names: tuple[str, ...]
    query: Mapping[str, str]
    body: Any


class Refused(Exception):
    """Raised with everything that SendGrid has against a request."""

    def __init__(self, status: int, *errors: Json) -> None:
        super().__init__(status)
        self.answer = refused(status, *errors)


def refused(status: int, *errors: Json) -> Answer:
    """Return a refusal in SendGrid's form."""
    return Answer(status, json.dumps({"errors": list(errors)}).encode(), JSON_TYPE)


def no_such() -> Refused:
    """Return what is raised for a thing that is not there."""
    return Refused(404, error("Resource not found", None))


def told(what: object, status: int = 200) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, json.dumps(what).encode(), JSON_TYPE)


def done(status: int = 204) -> Answer:
    """Return an answer without a body."""
    return Answer(status, b"")
