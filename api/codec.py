"""Opens sealed payloads for whoever may look into every history: the Temporal Web UI's codec endpoint.

The UI asks `<address>/decode` from its own pages, so its origin is let in. With a login the UI passes on a
token of one of the platform's people. The development server's UI has no login: there the address itself
holds a ticket (`CODEC_TICKET`), which production does not take.
"""

from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Base64Bytes, ConfigDict, Field
from starlette.exceptions import HTTPException
from temporalio.api.common.v1 import Payload

from api import problem
from api.deps import BASE, OPEN, House, Parts, Permission, may
from api.shape import Shape, example
from domain.refusal import Forbidden, Unauthenticated, Unknown
from workflows.codec import Unreadable

# Not strict: the UI writes the bodies, as Protobuf's JSON of `temporal.api.common.v1.Payloads`.
router = APIRouter(prefix=f"{BASE}/codec", tags=["operators"])
Ticket = Annotated[str, Path(max_length=200)]


class PayloadShape(Shape):
    """One payload; all bytes are in Base64 (RFC 4648)."""

    model_config = ConfigDict(extra="ignore")

    metadata: dict[str, Base64Bytes] = Field(default_factory=dict)
    data: Base64Bytes = b""


class PayloadList(Shape):
    """Payloads, sealed on their way in and opened on their way out, in the same order."""

    model_config = example(payloads=[{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "eyJ4IjoxfQ=="}])

    payloads: tuple[PayloadShape, ...] = ()


@router.post(
    "/decode", responses=problem.answers(Unauthenticated, Forbidden), dependencies=[may(Permission.DECODE)]
)
async def decode(parts: Parts, response: Response, sealed: PayloadList) -> PayloadList:
    """Open payloads for one of the platform's people. 400: no key of ours opens one of them."""
    return await _opened(parts, response, sealed)


@router.post("/{ticket}/decode", include_in_schema=False, dependencies=[OPEN])
async def decode_with_ticket(
    parts: Parts, response: Response, ticket: Ticket, sealed: PayloadList
) -> PayloadList:
    """Open payloads for whoever knows the ticket, as the development server's UI does."""
    _look_at(parts, ticket)
    return await _opened(parts, response, sealed)


@router.options("/decode", include_in_schema=False, dependencies=[OPEN])
@router.options("/{ticket}/decode", include_in_schema=False, dependencies=[OPEN])
async def preflight(parts: Parts) -> Response:
    """Let the UI's pages ask (Fetch Standard, CORS-preflight)."""
    allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600"}
    headers = {"Access-Control-Allow-Headers": "authorization, content-type, x-namespace"}
    return Response(status_code=204, headers={**_origin(parts), **allowed, **headers})


async def _opened(parts: House, response: Response, sealed: PayloadList) -> PayloadList:
    response.headers.update(_origin(parts))
    if parts.payloads is None:
        return sealed
    try:
        opened = await parts.payloads.decode([Payload(**each.__dict__) for each in sealed.payloads])
    except Unreadable:
        raise HTTPException(400, "No key of ours opens these payloads.") from None
    return PayloadList(
        payloads=tuple(
            PayloadShape.model_construct(metadata=dict(each.metadata), data=each.data) for each in opened
        )
    )


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
