"""Where SendGrid's API comes in."""

import json
import re
import time
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox import door
from sandbox.account import Account
from sandbox.answer import Answer
from sandbox.door import Instead
from sandbox.mail import Mail
from sandbox.record import Json
from sandbox.sendgrid import shape
from sandbox.work import Work, World

KEY = re.compile(r"SG\.[A-Za-z0-9._-]{3,200}")
MAX_BODY = 30 * 1024 * 1024
JSON_TYPE = {"Content-Type": "application/json"}


class SendGridFace:
    """What the core asks of SendGrid."""

    provider = "sendgrid"

    def spelled(self, _kind: str, letters: str, /) -> str:
        """Return the letters as they are."""
        return letters

    def account_key(self, key: str) -> str | None:
        """Return the key itself if it looks like one of SendGrid's."""
        return key if KEY.fullmatch(key) else None

    def failure(self, status: int) -> Answer:
        """Return SendGrid's own failure, or its throttling for 429."""
        if status != 429:
            return refused(status, shape.error("An internal server error occurred.", None))
        answer = refused(status, shape.error("too many requests", None))
        limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)}
        return Answer(status, answer.body, {**answer.headers, **limits})


def refused(status: int, *errors: Json) -> Answer:
    """Return a refusal in SendGrid's form."""
    return Answer(status, json.dumps({"errors": list(errors)}).encode(), JSON_TYPE)


class SendGridDoor:
    """Answers everything below `/sendgrid`."""

    def __init__(self, world: World, face: SendGridFace) -> None:
        self.world, self.face = world, face

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        answer = await self._answer(request)
        return door.response(answer, answer.headers)

    async def _answer(self, request: Request) -> Answer:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        owner = self.face.account_key(key) if scheme.lower() == "bearer" else None
        if owner is None:
            return refused(
                401, shape.error("The provided authorization grant is invalid, expired, or revoked", None)
            )
        path = request.scope["path"].removeprefix("/sendgrid")
        if path != "/v3/mail/send":
            return refused(404, shape.error("not found", None))
        if request.method != "POST":
            return refused(405, shape.error("method not allowed", None))
        try:
            body = await door.read(request, MAX_BODY)
        except door.TooLarge:
            return refused(413, shape.error("The total size of your email must be less than 30MB.", None))
        account = self.world.account("sendgrid", owner)
        send = partial(self._send, request.headers.get("content-type", ""), body, account)
        return await door.with_faults(self.world, account, f"POST {path}", request, send)

    def _send(
        self, content_type: str, body: bytes, account: Account, instead: Instead | None = None
    ) -> Answer:
        if instead is not None and not instead.after:
            return instead.answer
        if not content_type.startswith("application/json"):
            return refused(415, shape.error("Content-Type should be application/json.", None))
        try:
            mail: Any = json.loads(body.decode())
            # A lone surrogate can be neither stored nor shown.
            json.dumps(mail, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return refused(400, shape.error("Bad Request", None))
        errors = shape.judge(mail, self.world.now(account))
        if errors:
            return refused(400, *errors)
        if mail.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
            return Answer(200, b"")
        with self.world.work(account) as work:
            message_id = keep(work, mail)
        return Answer(202, b"", {"X-Message-Id": message_id}) if instead is None else instead.answer


def keep(work: Work, body: Json) -> str:
    """Put a message per personalization into the mailbox and return the id they share."""
    message_id = work.account.next_id(work.world.seed, "", length=22)
    for position, each in enumerate(body["personalizations"]):
        work.add(
            Mail(
                id=message_id if position == 0 else f"{message_id}.{position}",
                account=work.account.id,
                created=work.now,
                sender=each.get("from", body["from"]),
                to=each["to"],
                cc=each.get("cc", []),
                bcc=each.get("bcc", []),
                reply_to=body.get("reply_to"),
                subject=each.get("subject", body.get("subject", "")),
                contents=body.get("content", []),
                attachments=body.get("attachments", []),
                custom_args={**body.get("custom_args", {}), **each.get("custom_args", {})},
                categories=body.get("categories", []),
                headers={**body.get("headers", {}), **each.get("headers", {})},
            )
        )
    return message_id
