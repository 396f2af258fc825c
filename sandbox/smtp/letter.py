"""A message as it was sent (RFC 5322, MIME), taken apart for the mailbox."""

import base64
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from sandbox.mail import Mail, Recipient
from sandbox.record import Json
from sandbox.work import Work


def keep(work: Work, sender: str, recipients: Sequence[str], content: bytes) -> str:
    """Put a message into the mailbox, delivered to all it was addressed to, and return its id."""
    message = message_from_bytes(content, policy=policy.default)
    headers = {name: _text(value) for name, value in message.items()}
    mail = Mail(
        id=work.account.next_id(work.world.seed, "", length=22),
        account=work.account.id,
        created=work.now,
        sender={"email": sender},
        to=[{"email": each} for each in recipients],
        subject=headers.get("Subject", ""),
        contents=list(_contents(message)),
        attachments=list(_attachments(message)),
        headers=headers,
    )
    work.add(mail)
    for email in recipients:
        recipient_id = work.new_id("recipient")
        work.add(
            Recipient(
                id=recipient_id,
                account=work.account.id,
                created=work.now,
                mail=mail.id,
                email=email,
                status="delivered",
            )
        )
    return mail.id


def _contents(message: EmailMessage) -> list[Json]:
    return [
        {"type": part.get_content_type(), "value": _text(part.get_content())}
        for part in message.walk()
        if part.get_content_maintype() == "text" and not part.is_attachment() and not part.get_filename()
    ]


def _attachments(message: EmailMessage) -> list[Json]:
    found: list[Json] = []
    for part in message.walk():
        if part.is_multipart() or not (part.is_attachment() or part.get_filename()):
            continue
        raw: Any = part.get_payload(decode=True) or b""
        found.append(
            {
                "filename": part.get_filename() or "unnamed",
                "type": part.get_content_type(),
                "disposition": part.get_content_disposition() or "attachment",
                "content_id": str(part.get("Content-ID", "")).strip("<> ") or None,
                "content": base64.b64encode(raw).decode(),
            }
        )
    return found


def _text(value: Any) -> str:
    """Return a text that can be stored and shown, whatever bytes it came from."""
    return str(value).encode(errors="replace").decode()
