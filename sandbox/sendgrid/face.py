"""SendGrid as the neutral core knows it: keys, events, their packing and their retry ladder."""

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.answer import Answer
from sandbox.event import Endpoint
from sandbox.mail import Mail, Recipient
from sandbox.record import Json, Record
from sandbox.sendgrid import hook, shape
from sandbox.sendgrid.call import refused
from sandbox.work import Work

KEY = re.compile(r"SG\.[A-Za-z0-9._-]{3,200}")

# What happened, the event that tells it, and what stands in it besides.
EVENTS: Mapping[str, tuple[str, Json]] = {
    "mail.processed": ("processed", {}),
    "mail.deferred": ("deferred", {"response": "451 4.7.1 Try again later", "attempt": "1"}),
    "mail.delivered": ("delivered", {"response": "250 OK", "tls": 1}),
    "mail.bounced": (
        "bounce",
        {
            "type": "bounce",
            "status": "5.1.1",
            "reason": "550 5.1.1 The mailbox does not exist",
            "bounce_classification": "Invalid Address",
            "tls": 1,
        },
    ),
    "mail.blocked": (
        "bounce",
        {
            "type": "blocked",
            "status": "5.7.1",
            "reason": "554 5.7.1 The message is not wanted here",
            "bounce_classification": "Content",
            "tls": 1,
        },
    ),
    "mail.dropped": ("dropped", {}),
    "mail.complained": ("spamreport", {}),
}


class SendGridFace:
    """What the core asks of SendGrid."""

    provider = "sendgrid"
    # SendGrid goes on for a day.
    retry_seconds: tuple[float, ...] = (2, 10, 60, 600, 3600, 6 * 3600, 12 * 3600)
    most_at_once = 100
    company_seconds = 0.1

    def spelled(self, _kind: str, letters: str, /) -> str:
        """Return the letters as they are."""
        return letters

    def account_key(self, key: str) -> str | None:
        """Return the key itself if it looks like one of SendGrid's."""
        return key if KEY.fullmatch(key) else None

    def events(self, work: Work, happening: str, record: Record, _before: Json) -> Iterable[tuple[str, Json]]:
        """Return SendGrid's event for what becomes of a mail to one of its recipients."""
        if isinstance(record, Recipient):
            word, more = EVENTS[happening]
            reason = {"reason": record.reason} if record.status == "dropped" else {}
            yield word, {**_envelope(work, record), **more, **reason}

    def event_body(self, _work: Work, event_id: str, event_type: str, payload: Json, _wanting: int) -> str:
        """Return the text of one event, which is packed and signed when it is sent."""
        return json.dumps({**payload, "event": event_type, "sg_event_id": event_id})

    def packs(self, _event_type: str, /) -> bool:
        """Return that all are sent with others."""
        return True

    def packed(self, bodies: Sequence[bytes], /, *, secret: str) -> bytes:  # noqa: ARG002 - the headers sign
        """Return one delivery of several events."""
        return b"[" + b",\r\n".join(bodies) + b"]\r\n"

    def signed(self, endpoint: Endpoint, body: bytes, /, *, secret: str, stamp: int) -> Mapping[str, str]:
        """Return the headers of an attempt."""
        proof = hook.signed(endpoint, body, secret=secret, stamp=stamp)
        return {"Content-Type": "application/json", "User-Agent": "SendGrid Event API (sandbox)", **proof}

    def accepted(self, status: int, _body: bytes, /) -> bool:
        """Return whether the receiver took it: any 2xx."""
        return 200 <= status < 300

    def failure(self, status: int) -> Answer:
        """Return SendGrid's own failure, or its throttling for 429."""
        if status != 429:
            return refused(status, shape.error("An internal server error occurred.", None))
        answer = refused(status, shape.error("too many requests", None))
        limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)}
        return Answer(status, answer.body, {**answer.headers, **limits})


def _envelope(work: Work, recipient: Recipient) -> dict[str, Any]:
    """Return what every event says: whose mail it is about, and what was sent along with it."""
    mail = work.get(Mail, recipient.mail)
    message_id = mail.id.partition(".")[0]
    return {
        **mail.custom_args,
        "email": recipient.email,
        "timestamp": work.now,
        "smtp-id": f"<{message_id}@geopod-ismtpd-sandbox>",
        "category": mail.categories,
        "sg_message_id": f"{message_id}.recvd-sandbox-1-{recipient.id}",
    }
