"""The description of the API as served: OpenAPI 3.1, every shape named, every problem a problem document."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problem

DESCRIPTION = """
Book, pay, come back. Every booking is a durable saga: a request repeated under its `Idempotency-Key` is the
same booking, and nothing is lost by a broken connection.

* Amounts are integer **minor units** beside their currency (ISO 4217); instants are RFC 3339 in UTC.
* A *no* is a problem document (RFC 9457); programs read its `code`, which `/problems` explains.
* What is not yours is not there: 404.
* A 202 or 503 carries `Retry-After`: send the same request with the same `Idempotency-Key` again.
"""

TAGS = [
    {"name": "catalogue", "description": "What can be bought."},
    {"name": "bookings", "description": "From the wish to the ticket."},
    {"name": "payments", "description": "One attempt each."},
    {"name": "tickets", "description": "What opens the door."},
    {"name": "webhooks", "description": "What payment providers tell us; signed, not authorised."},
    {
        "name": "operators",
        "description": "What waits for a person, and what that person does; all of it audited.",
    },
    {"name": "operations", "description": "For load balancers, monitors and verifiers."},
]


def describer(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Make the function that describes `app`, once."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS
            )
            for operation in operations(app.openapi_schema):
                _mark_problems(operation)
        return app.openapi_schema

    return describe


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """List the operations of an OpenAPI document."""
    for path in document["paths"].values():
        yield from path.values()


def _mark_problems(operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        if status[0] in "45" and "content" in answer:
            answer["content"] = {problem.MEDIA_TYPE: answer["content"].popitem()[1]}
