"""Twilio SendGrid's Mail Send API, spoken to directly: its own client connects anew for each mail, without a
deadline. Its builders write the body.
"""

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog
from sendgrid.helpers import mail

from domain.ids import NoticeId, TenantId
from observability.call import outgoing
from providers.gateway import GatewayTrouble, NotExecuted, OutcomeUnknown, Refused
from providers.mail.post import Letter
from providers.protection import Guard
from providers.trouble import of_connection, of_status, wait_asked

API = "https://api.sendgrid.com"
TIMEOUT = timedelta(seconds=10)
CONNECT_SECONDS = 3

log = structlog.get_logger(__name__)


class SendGrid:
    """One account at SendGrid."""

    def __init__(
        self,
        *,
        api_key: str,
        sender: str,
        http: aiohttp.ClientSession,
        api: str = API,
        timeout: timedelta = TIMEOUT,
        guard: Guard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.guard = guard or Guard("sendgrid", "default")
        self._sender, self._http, self._clock = sender, http, clock
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds(), connect=CONNECT_SECONDS)
        self._url = f"{api}/v3/mail/send"
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def send(self, letter: Letter, *, notice_id: NoticeId, tenant_id: TenantId) -> str:
        """Hand a letter over; the ids that go with it, for its events, say nothing of the person."""
        body = _body(self._sender, letter, {"notice_id": str(notice_id), "tenant": str(tenant_id)})
        with outgoing("sendgrid", "send"):
            async with self.guard.call():
                return await self._sent(body)

    async def _sent(self, body: dict[str, Any]) -> str:
        try:
            asking = self._http.post(self._url, json=body, headers=self._headers, timeout=self._timeout)
            async with asking as answer:
                message_id = answer.headers.get("X-Message-Id")
                if answer.status == HTTPStatus.ACCEPTED and message_id:
                    return message_id
                raise _trouble(answer, datetime.fromtimestamp(self._clock(), UTC))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise of_connection(error) from None


def _body(sender: str, letter: Letter, ids: dict[str, str]) -> dict[str, Any]:
    message = mail.Mail(
        from_email=mail.Email(sender),
        to_emails=mail.To(letter.to_email, letter.to_name or None),
        subject=letter.subject,
        plain_text_content=letter.text,  # the service wants the plain one first
        html_content=letter.html,
    )
    for name, value in ids.items():
        message.add_custom_arg(mail.CustomArg(name, value))
    for picture in reversed(letter.pictures):  # each is put before the others
        message.add_attachment(
            mail.Attachment(
                mail.FileContent(base64.b64encode(picture.png).decode()),
                mail.FileName(f"{picture.name}.png"),
                mail.FileType("image/png"),
                mail.Disposition("inline"),
                mail.ContentId(picture.name),
            )
        )
    body: dict[str, Any] = message.get()
    return body


def _trouble(answer: aiohttp.ClientResponse, now: datetime) -> GatewayTrouble:
    """Say what an answer means; its text may quote the letter, so nobody reads it."""
    log.warning("mail not taken", status=answer.status)
    if answer.status < 400:  # not the service's own way to say yes: somebody else has answered
        return OutcomeUnknown("not_understood")
    if answer.status in (401, 403):  # our key or our sender, not the letter: it waits until that is mended
        return NotExecuted("not_authorised")
    refused = Refused("too_large" if answer.status == 413 else "invalid_request")
    return of_status(answer.status, wait_asked(answer.headers, now)) or refused
