"""The mailbox: JSON to programs, pages to people, by what they accept."""

import base64
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import mail
from sandbox.control.buyer import owner
from sandbox.control.operate import resolve
from sandbox.mail import Mail, Recipient
from sandbox.pages.page import render
from sandbox.work import World

MAX_SHOWN = 200


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Mailbox(world), APIRouter(prefix="/mailbox")
    router.add_api_route("", part.show, methods=["GET"], response_model=None)
    router.add_api_route("/{mail_id}", part.read, methods=["GET"], response_model=None)
    router.add_api_route("/{mail_id}/body", part.body, methods=["GET"], response_model=None)
    router.add_api_route(
        "/{mail_id}/attachments/{number}", part.attachment, methods=["GET"], response_model=None
    )
    return router


def wants_page(request: Request) -> bool:
    """Return whether a person asks, not a program."""
    return "text/html" in request.headers.get("accept", "")


class Mailbox:
    """All mail that was handed over, newest first."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def show(
        self,
        request: Request,
        account: str | None = None,
        to: str | None = None,
        limit: int = Query(MAX_SHOWN, ge=1, le=10_000),
    ) -> Response:
        """List mails of all accounts or one, to all or one recipient."""
        owner_id = None if account is None else resolve(self.world, account).id
        mails = [
            each
            for each in reversed(self.world.store.all(Mail, owner_id))
            if to is None or any(to.lower() == one["email"].lower() for one in each.to + each.cc + each.bcc)
        ][:limit]
        if wants_page(request):
            return render("mailbox.html", mails=mails, fates=self._fates, when=_when, account=account, to=to)
        return JSONResponse({"mails": [mail.shown(each, self._recipients(each)) for each in mails]})

    async def read(self, mail_id: str, request: Request) -> Response:
        """Show one mail."""
        found = self._find(mail_id)
        if wants_page(request):
            return render("mail.html", mail=found, recipients=self._recipients(found), when=_when)
        return JSONResponse(mail.shown(found, self._recipients(found)))

    async def body(self, mail_id: str) -> Response:
        """Show the HTML of a mail as a mail program would: no scripts, inline pictures filled in."""
        found = self._find(mail_id)
        html = found.content("text/html") or ""
        for each in found.attachments:
            if each.get("content_id"):
                kind = quote(each.get("type") or "application/octet-stream", safe="/")
                source = f"data:{kind};base64,{each['content']}"
                html = html.replace(f"cid:{each['content_id']}", source)
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups"
        return Response(html, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def attachment(self, mail_id: str, number: int) -> Response:
        """Hand out an attachment."""
        attachments = self._find(mail_id).attachments
        if not 0 <= number < len(attachments):
            raise HTTPException(404, "no such attachment")
        found = attachments[number]
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found['filename'])}",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(
            base64.b64decode(found["content"]), media_type="application/octet-stream", headers=headers
        )

    def _recipients(self, found: Mail) -> list[Recipient]:
        return self.world.store.children(Recipient, found.id)

    def _fates(self, found: Mail) -> list[str]:
        return sorted({each.status for each in self._recipients(found)})

    def _find(self, mail_id: str) -> Mail:
        return self.world.store.get(Mail, owner(self.world, Mail, mail_id).id, mail_id)


def _when(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
