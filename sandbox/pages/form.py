"""Reading what was typed into a page's form."""

from urllib.parse import parse_qsl

from fastapi import HTTPException
from starlette.requests import Request

from sandbox import door

MAX_FORM = 10_000


async def typed(request: Request) -> dict[str, str]:
    """Return the fields of a form, the last one where a name comes twice; 400 for what is none."""
    try:
        body = (await door.read(request, MAX_FORM)).decode()
        return dict(parse_qsl(body, keep_blank_values=True, errors="strict"))
    except (door.TooLarge, ValueError):
        raise HTTPException(400, "this form cannot be read") from None
