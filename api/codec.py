"""Opens sealed payloads for whoever may look into every history: the Temporal Web UI's codec endpoint.

The UI asks `<address>/decode` from its own pages, so its origin is let in. With a login the UI passes on a
token of one of the platform's people. The development server's UI has no login: there the address itself
holds a ticket (`CODEC_TICKET`), which production does not take.
"""

from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from google.protobuf import json_format
from starlette.exceptions import HTTPException
from temporalio.api.common.v1 import Payloads

from api import problem
from api.deps import BASE, OPEN, House, Parts, Permission, may
from domain.refusal import Forbidden, Unauthenticated, Unknown
from workflows.codec import Unreadable

# Not strict: the UI writes the bodies, as Protobuf's JSON.
router = APIRouter(prefix=f"{BASE}/codec", tags=["operators"])
MEDIA_TYPE = "application/json"
Ticket = Annotated[str, Path(max_length=200)]


@router.post(
    "/decode",
    response_class=Response,
    responses=problem.answers(Unauthenticated, Forbidden),
    dependencies=[may(Permission.DECODE)],
)
async def decode(request: Request, parts: Parts) -> Response:
    """Open payloads for one of the platform's people: `temporal.api.common.v1.Payloads` as JSON."""
    return await _opened(request, parts)


@router.post("/{ticket}/decode", include_in_schema=False, dependencies=[OPEN])
async def decode_with_ticket(request: Request, parts: Parts, ticket: Ticket) -> Response:
    """Open payloads for whoever knows the ticket, as the development server's UI does."""
    _look_at(parts, ticket)
    return await _opened(request, parts)


@router.options("/decode", include_in_schema=False, dependencies=[OPEN])
@router.options("/{ticket}/decode", include_in_schema=False, dependencies=[OPEN])
async def preflight(parts: Parts) -> Response:
    """Let the UI's pages ask (Fetch Standard, CORS-preflight)."""
    allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600"}
    headers = {"Access-Control-Allow-Headers": "authorization, content-type, x-namespace"}
    return Response(status_code=204, headers={**_origin(parts), **allowed, **headers})


async def _opened(request: Request, parts: House) -> Response:
    try:
        sealed = json_format.Parse(await request.body(), Payloads())
        opened = await parts.payloads.decode(sealed.payloads) if parts.payloads else list(sealed.payloads)
    except (json_format.ParseError, Unreadable, ValueError) as error:
        raise HTTPException(400, "These are no payloads of ours.") from error
    body = json_format.MessageToJson(Payloads(payloads=opened), indent=None)
    return Response(body, media_type=MEDIA_TYPE, headers=_origin(parts))


def _look_at(parts: House, ticket: str) -> None:
    known = parts.rules.codec_ticket
    if not known or not compare_digest(known.encode(), ticket.encode()):
        raise Unknown


def _origin(parts: House) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": parts.rules.ui_origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }
