"""Mail that was handed over, as the mailbox shows it, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sandbox.record import Json, Record


@dataclass(kw_only=True)
class Mail(Record):
    """One message to its recipients; contents and attachments as they were sent."""

    kind: ClassVar[str] = "mail"

    sender: Json
    to: list[Json]
    cc: list[Json] = field(default_factory=list)
    bcc: list[Json] = field(default_factory=list)
    reply_to: Json | None = None
    subject: str
    contents: list[Json]
    attachments: list[Json] = field(default_factory=list)
    custom_args: dict[str, str] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def content(self, content_type: str) -> str | None:
        """Return the content of a type such as `text/html`."""
        return next((part["value"] for part in self.contents if part["type"] == content_type), None)


@dataclass(kw_only=True)
class Recipient(Record):
    """One address that a mail goes to, and how far it has come: processed, deferred, delivered, bounced,
    blocked, dropped or complained of; `reason` is why it was dropped.
    """

    kind: ClassVar[str] = "recipient"

    mail: str
    email: str
    status: str = "processed"
    reason: str = ""

    @property
    def parent(self) -> str:
        """Return the mail."""
        return self.mail


def shown(mail: Mail, recipients: Sequence[Recipient]) -> Json:
    """Return a mail as the mailbox's JSON tells it, attachments by name and size."""
    return {
        "id": mail.id,
        "account": mail.account,
        "created": mail.created,
        "from": mail.sender,
        "to": mail.to,
        "cc": mail.cc,
        "bcc": mail.bcc,
        "reply_to": mail.reply_to,
        "subject": mail.subject,
        "text": mail.content("text/plain"),
        "html": mail.content("text/html"),
        "custom_args": mail.custom_args,
        "categories": mail.categories,
        "headers": mail.headers,
        "deliveries": [{"email": each.email, "status": each.status} for each in recipients],
        "attachments": [
            {
                "filename": each["filename"],
                "type": each.get("type"),
                "disposition": each.get("disposition", "attachment"),
                "content_id": each.get("content_id"),
                "content": each["content"],
            }
            for each in mail.attachments
        ],
    }
