"""Sending: what was handed over goes into the mailbox, and on to each of its recipients.

The part of an address before its `@`, up to a `+` or `.`, says what becomes of it:

    bounce      550: no such mailbox; the address is on the list of bounces from then on
    blocked     554: turned away this time
    defer       451 at first, delivered ten minutes later by the account's clock
    spam        delivered, then complained of
    invalid     dropped at once; the address is on the list of invalid ones

Everything else is delivered.
"""

import re
from collections.abc import Iterator

from sandbox.answer import Answer
from sandbox.mail import Mail, Recipient
from sandbox.record import Json
from sandbox.sendgrid import shape, suppression
from sandbox.sendgrid.call import Call, Refused, done
from sandbox.work import Work

JOB = "mail.carry"
LATER_SECONDS = 600
INVALID = "Invalid"

# What becomes of a mail to such a name, the list that its address is then on, and why.
ENDS = {
    "bounce": ("bounced", "bounces", "550 5.1.1 The mailbox does not exist", "5.1.1"),
    "blocked": ("blocked", "blocks", "554 5.7.1 The message is not wanted here", "5.7.1"),
}


def send(call: Call) -> Answer:
    """Take a mail that is as it should be."""
    errors = shape.judge(call.body, call.work.world.now(call.work.account))
    if errors:
        raise Refused(400, *errors)
    if call.body.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
        return done(200)
    return Answer(202, b"", {"X-Message-Id": keep(call.work, call.body)})


def keep(work: Work, body: Json) -> str:
    """Put a message per personalization into the mailbox, send them on, and return the id they share."""
    message_id = work.account.next_id(work.world.seed, "", length=22)
    passed_by = suppression.bypassed(body.get("mail_settings", {}))
    under_way: list[Recipient] = []
    for position, each in enumerate(body["personalizations"]):
        mail = Mail(
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
        work.add(mail)
        for address in _addresses(mail):
            recipient = _processed(work, mail, address, passed_by)
            if recipient.status != "dropped":
                under_way.append(recipient)
    for recipient in under_way:  # once all are processed, as if each had to wait for the queue
        _carry(work, recipient)
    return message_id


def _addresses(mail: Mail) -> Iterator[str]:
    return (each["email"] for each in (*mail.to, *mail.cc, *mail.bcc))


def _processed(work: Work, mail: Mail, email: str, passed_by: frozenset[str]) -> Recipient:
    """Begin the way of a mail to one of its recipients, or drop it there."""
    recipient = Recipient(
        id=work.new_id("recipient"), account=work.account.id, created=work.now, mail=mail.id, email=email
    )
    why = suppression.why(work, email, passed_by)
    if why is None and _name(email) == "invalid":
        why = INVALID
        suppression.add(work, "invalid_emails", email, "Mail domain mentioned in email address is unknown")
    if why is not None:
        recipient.status, recipient.reason = "dropped", why
    work.add(recipient)
    work.tell(f"mail.{recipient.status}", recipient)
    return recipient


def carry(work: Work, recipient_id: str) -> None:
    """Bring a mail to its recipient's server once more."""
    _carry(work, work.get(Recipient, recipient_id))


def _carry(work: Work, recipient: Recipient) -> None:
    """Bring a mail to its recipient's server, which says what it likes."""
    name = _name(recipient.email)
    if name in ENDS:
        status, group, reason, code = ENDS[name]
        suppression.add(work, group, recipient.email, reason, code)
        _come_to(work, recipient, status)
    elif name == "defer" and recipient.status == "processed":
        _come_to(work, recipient, "deferred")
        work.later(JOB, recipient.id, work.now + LATER_SECONDS)
    else:
        _come_to(work, recipient, "delivered")
        if name == "spam":
            suppression.add(work, "spam_reports", recipient.email)
            _come_to(work, recipient, "complained")


def _come_to(work: Work, recipient: Recipient, status: str) -> None:
    recipient.status = status
    work.save(recipient)
    work.tell(f"mail.{status}", recipient)


def _name(email: str) -> str:
    return re.split(r"[+.@]", email, maxsplit=1)[0].lower()
