"""Where a buyer comes back to from paying: our own pages, or an address on the channel's list.

An app has addresses of its own scheme (`holidaibutler://booking/complete`). Payment providers send people to
web pages only, so such a buyer comes by a page of ours, which looks at the list again before it passes on:
nobody is sent to a place that is not on it.
"""

from collections.abc import Iterable
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from api.deps import OPEN, Parts
from db import tenant
from domain.ids import ChannelId, TenantId
from domain.refusal import Unknown

WEB = ("http", "https")
# Schemes that run something or show what lies on the device, whatever a list says.
NEVER = ("javascript", "data", "vbscript", "file", "blob", "about", "view-source")

BackUrl = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9+.-]{1,40}://\S+$",
        max_length=500,
        examples=["https://shop.example/thanks", "holidaibutler://booking/complete"],
    ),
]

router = APIRouter(include_in_schema=False, dependencies=[OPEN])


def allowed(address: str, origins: Iterable[str]) -> bool:
    """Say whether an address lies at one of these origins (scheme, host and port)."""
    at = _origin(address)
    return at is not None and at in map(_origin, origins)


def through_us(address: str, *, api_url: str, tenant_id: TenantId, channel_id: ChannelId) -> str:
    """Give the web address that leads to an address of return: itself, or, of an app, our page before it."""
    if urlsplit(address).scheme in WEB:
        return address
    return f"{api_url}/return/{tenant_id}/{channel_id}?{urlencode({'to': address})}"


@router.get("/return/{tenant_id}/{channel_id}")
async def pass_on(
    request: Request, parts: Parts, tenant_id: UUID, channel_id: UUID, to: Annotated[str, Query()]
) -> Response:
    """Pass a buyer on to the app, with what the payment provider added to the address."""
    async with parts.database.tenant(tenant_id) as connection:
        channel = await tenant.channel_by_id(connection, TenantId(tenant_id), ChannelId(channel_id))
    if channel is None or not allowed(to, channel.return_origins):
        raise Unknown
    added = [(name, value) for name, value in request.query_params.multi_items() if name != "to"]
    there = urlsplit(to)
    query = urlencode([*parse_qsl(there.query, keep_blank_values=True), *added])
    return RedirectResponse(there._replace(query=query).geturl(), 303, {"Cache-Control": "no-store"})


def _origin(address: str) -> str | None:
    """Give the origin of an address that a buyer may be sent to, or nothing."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or parts.scheme in NEVER or not parts.hostname or parts.username is not None:
        return None
    return f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}"
