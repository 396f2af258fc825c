"""The one call of the control API that is made for every booking: paying a payment, without the framework.

What is not plain (other headers, a body that is no such wish) goes to the framework, which says what is
wrong with it. The framework took more of the processor than what most of Stripe's calls do.
"""

import re
from typing import Any

from fastapi import HTTPException
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.control.buyer import Buyer
from sandbox.control.wish import Purchase

PATH = re.compile(r"/_sandbox/payment_intents/([^/]+)/pay")
PLAIN = (b"content-type", b"application/json")


class ControlDoor:
    """Answers what is plain, and hands everything else on to `framework`."""

    def __init__(self, buyer: Buyer, framework: ASGIApp) -> None:
        self.buyer, self.framework = buyer, framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "POST" or PLAIN not in scope["headers"]:
            await self.framework(scope, receive, send)
            return
        first = await receive()
        wish = _wish(first)
        if wish is None:
            await self.framework(scope, _again(first, receive), send)
            return
        try:
            answer = JSONResponse(await self.buyer.pay_payment(found[1], wish))
        except HTTPException as no:
            answer = JSONResponse({"detail": no.detail}, no.status_code)
        await answer(scope, receive, send)


def _wish(message: Message) -> Purchase | None:
    """Return the wish that a message holds in whole, None if it does not."""
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    try:
        return Purchase.model_validate(from_json(message.get("body", b"")))
    except (ValidationError, ValueError):
        return None


def _again(first: Message, receive: Receive) -> Receive:
    """Return a `receive` that begins with a message that was taken already."""
    taken = [first]

    async def again() -> Any:
        return taken.pop() if taken else await receive()

    return again
