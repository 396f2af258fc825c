"""Routes that are asked thousands of times a second: what they need is put in order once, not each time.

FastAPI walks the tree of a route's dependencies at every request, each node as often as it is named; for
those that carry the load that cost more than their work. It opens two exit stacks for what dependencies want
done afterwards, and catches what the application catches as well. Declarations stay FastAPI's own, and so do
the description, the checks of parameters and the errors.
"""

from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.types import ASGIApp, Receive, Scope, Send

from api.body import StrictRoute

# A request reads them only when they are asked for.
_PATH, _QUERY, _HEADERS = attrgetter("path_params"), attrgetter("query_params"), attrgetter("headers")


class Step(NamedTuple):
    """A function to call, and under which names it takes what earlier steps have given, by their place."""

    of: Dependant
    takes: tuple[tuple[str, int], ...]


class FlatRoute(APIRoute):
    """A route whose endpoint gives a Response, and whose dependencies are coroutines that depend on nothing
    but parameters, the request and each other.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **declared: Any) -> None:
        super().__init__(path, endpoint, **declared)
        self.app = _answering(self.get_route_handler())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Make the handler."""
        steps: list[Step] = []
        _flatten(self.dependant, steps)

        async def handle(request: Request) -> Response:
            body: Any = PydanticUndefined
            if self.body_field and await request.body():
                body = await request.json()
            given, errors = list[Any](), list[Any]()
            for of, takes in steps:
                values = {name: given[place] for name, place in takes}
                errors += await _read(of, request, body, values)
                given.append(None if errors else await of.call(**values))  # type: ignore[misc] # all have one
            if errors:
                raise RequestValidationError(errors, body=None if body is PydanticUndefined else body)
            response: Response = given[-1]
            return response

        return handle


class StrictFlatRoute(StrictRoute, FlatRoute):
    """Read strictly, and with its needs in order."""


def _answering(handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return answer


def _flatten(of: Dependant, steps: list[Step]) -> int:
    """Put what a function depends on in front of it, each once; gives its place."""
    for place, step in enumerate(steps):
        if step.of.call == of.call:
            return place
    if of.cookie_params or of.response_param_name or of.background_tasks_param_name:
        raise TypeError(f"{of.call} asks for what a flat route does not give")
    needed = [(each.name, _flatten(each, steps)) for each in of.dependencies]
    steps.append(Step(of, tuple((name, place) for name, place in needed if name is not None)))
    return len(steps) - 1


async def _read(of: Dependant, request: Request, body: Any, values: dict[str, Any]) -> list[Any]:
    """Add a function's own parameters to its `values`; gives what is wrong with them."""
    errors: list[Any] = []
    for name in filter(None, (of.request_param_name, of.http_connection_param_name)):
        values[name] = request
    for fields, sent in ((of.path_params, _PATH), (of.query_params, _QUERY), (of.header_params, _HEADERS)):
        if fields:
            read, wrong = request_params_to_args(fields, sent(request))
            values |= read
            errors += wrong
    if of.body_params:
        told, wrong = await request_body_to_args(of.body_params, body, embed_body_fields=False)
        values |= told
        errors += wrong
    return errors
