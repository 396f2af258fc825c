"""Any server that takes mail by SMTP (RFC 5321), spoken to with aiosmtplib; one connection per letter.

Such a server says at once whether it takes a letter, and tells nothing of it afterwards. The letter's
Message-ID is made from its notice, so that a mail program shows a second copy of it as the same.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as LINES
from email.utils import format_datetime
from typing import Any, Literal

import aiosmtplib
import structlog

from domain.ids import NoticeId, TenantId
from observability.call import outgoing
from providers.gateway import GatewayTrouble, NotExecuted, Refused
from providers.mail.post import Letter
from providers.protection import Guard
from providers.trouble import no_answer

TIMEOUT = timedelta(seconds=10)
GOODBYE_SECONDS = 1

log = structlog.get_logger(__name__)


class Smtp:
    """One account at one server; `tls` is from the first byte, by STARTTLS, or none at all (on loopback)."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        password: str,
        tls: Literal["tls", "starttls", "none"],
        sender: str,
        timeout: timedelta = TIMEOUT,
        guard: Guard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.guard = guard or Guard("smtp", "default")
        self._host, self._port, self._tls = host, port, tls
        self._user, self._password = user, password
        self._sender, self._domain = sender, sender.rpartition("@")[2]
        self._seconds, self._clock = timeout.total_seconds(), clock

    async def send(self, letter: Letter, *, notice_id: NoticeId, tenant_id: TenantId) -> str:  # noqa: ARG002 - the notice is enough here
        """Hand a letter over; gives its Message-ID."""
        message_id = f"<{notice_id}@{self._domain}>"
        message = self._written(letter, message_id)
        with outgoing("smtp", "send"):
            async with self.guard.call():
                await self._taken(letter.to_email, message)
        return message_id

    async def _taken(self, to: str, message: bytes) -> None:
        client, sent = self._client(), False
        try:
            async with asyncio.timeout(self._seconds):
                await client.connect()
                await client.mail(self._sender)
                await client.rcpt(to)
                sent = True
                await client.data(message)
            await _say_goodbye(client)
        except aiosmtplib.SMTPResponseException as no:
            raise _trouble(no) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            raise no_answer(sent=sent) from None
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user or None,
            password=self._password or None,
            local_hostname=self._domain,  # the library would ask the name servers, and wait for them
            timeout=self._seconds,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
        )

    def _written(self, letter: Letter, message_id: str) -> bytes:
        """Write a letter as a message: text, or else HTML with its pictures. Raises Refused."""
        message = EmailMessage(policy=LINES)
        try:
            message["From"] = self._sender
            message["To"] = Address(letter.to_name, addr_spec=letter.to_email.encode("ascii").decode())
            message["Subject"] = letter.subject
        except (MessageError, ValueError, IndexError, AttributeError):  # no address
            raise Refused("invalid_request") from None
        message["Date"] = format_datetime(datetime.fromtimestamp(self._clock(), UTC))
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"  # nobody is to answer it by a machine (RFC 3834)
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        page: Any = message.get_body(("html",))
        for picture in letter.pictures:
            page.add_related(
                picture.png,
                maintype="image",
                subtype="png",
                cid=f"<{picture.name}>",
                filename=f"{picture.name}.png",
                disposition="inline",
            )
        return message.as_bytes()


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """End the session; the letter is taken, whatever becomes of this."""
    with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await client.quit()


def _trouble(no: aiosmtplib.SMTPResponseException) -> GatewayTrouble:
    """Say what an answer means; its text may quote the letter, so nobody reads it."""
    log.warning("mail not taken", status=no.code)
    if no.code < 500:
        return NotExecuted("not_now")
    if isinstance(no, aiosmtplib.SMTPRecipientRefused):
        return Refused("no_such_address")
    if isinstance(no, aiosmtplib.SMTPDataError):
        return Refused("invalid_request")
    return NotExecuted("not_authorised")  # our login or our sender: the letter waits until that is mended
