"""SendGrid's face, driven with SendGrid's own builders."""

import base64
import io
import secrets
from typing import Any

import aiohttp
import pytest
from sendgrid.helpers.mail import (
    Attachment,
    ContentId,
    Disposition,
    FileContent,
    FileName,
    FileType,
    Mail,
    MailSettings,
    SandBoxMode,
)

from tests.sandbox.conftest import Process

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Mailer:
    """Somebody who sends mail with a key of their own."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http, self.key = (
            url,
            http,
            f"SG.{secrets.token_urlsafe(12)}.{secrets.token_urlsafe(12)}",
        )

    async def send(self, body: Any, **headers: str) -> tuple[int, Any, str | None]:
        """Send a body; return status, JSON if any, and the message's id."""
        known = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers}
        data = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        async with self.http.post(f"{self.url}/sendgrid/v3/mail/send", headers=known, **data) as answer:
            text = await answer.text()
            return answer.status, (await answer.json() if text else None), answer.headers.get("X-Message-Id")

    async def mailbox(self, **query: str) -> list[Any]:
        """Return this key's mails, newest first."""
        async with self.http.get(f"{self.url}/mailbox", params={"account": self.key, **query}) as answer:
            found: list[Any] = (await answer.json())["mails"]
            return found


@pytest.fixture
async def mailer(sandbox: Process, http: aiohttp.ClientSession) -> Mailer:
    """Take a key nobody has used."""
    return Mailer(sandbox.url, http)


def letter(**more: Any) -> dict[str, Any]:
    """Build a good mail with the SDK's builder."""
    mail = Mail(
        from_email=("tickets@example.com", "Tickets"),
        to_emails="ada@example.com",
        subject="Your tickets",
        plain_text_content="See you there.",
        html_content='<p>See you there.</p><img src="cid:qr" alt="QR">',
    )
    mail.add_attachment(
        Attachment(
            FileContent(base64.b64encode(PIXEL).decode()),
            FileName("qr.png"),
            FileType("image/png"),
            Disposition("inline"),
            ContentId("qr"),
        )
    )
    body: dict[str, Any] = mail.get()
    return body | more


def without(name: str) -> dict[str, Any]:
    """Build a mail that lacks something."""
    return {key: value for key, value in letter().items() if key != name}


async def test_mail_is_taken_and_found_in_the_mailbox(mailer: Mailer) -> None:
    status, body, message_id = await mailer.send(letter(custom_args={"notice_id": "n1"}))

    assert (status, body) == (202, None)
    [mail] = await mailer.mailbox()
    assert mail["id"] == message_id
    assert (mail["from"], mail["to"]) == (
        {"name": "Tickets", "email": "tickets@example.com"},
        [{"email": "ada@example.com"}],
    )
    assert (mail["subject"], mail["text"]) == ("Your tickets", "See you there.")
    assert mail["custom_args"] == {"notice_id": "n1"}
    assert [(each["filename"], each["content_id"]) for each in mail["attachments"]] == [("qr.png", "qr")]


async def test_mailbox_is_narrowed_by_recipient_and_key(mailer: Mailer) -> None:
    await mailer.send(letter())
    await mailer.send(letter(personalizations=[{"to": [{"email": "bob@example.com"}]}]))
    stranger = Mailer(mailer.url, mailer.http)
    await stranger.send(letter())

    assert len(await mailer.mailbox()) == 2
    assert [mail["to"][0]["email"] for mail in await mailer.mailbox(to="BOB@example.com")] == [
        "bob@example.com"
    ]
    assert len(await stranger.mailbox()) == 1


async def test_each_personalization_is_a_message(mailer: Mailer) -> None:
    people = [{"to": [{"email": f"p{n}@example.com"}], "custom_args": {"n": str(n)}} for n in range(3)]

    status, _, _ = await mailer.send(letter(personalizations=people))

    assert status == 202
    assert sorted(mail["custom_args"]["n"] for mail in await mailer.mailbox()) == ["0", "1", "2"]


async def test_sandbox_mode_checks_and_sends_nothing(mailer: Mailer) -> None:
    mail = Mail("a@example.com", "b@example.com", "Hi", "Hello")
    mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(enable=True))

    status, body, message_id = await mailer.send(mail.get())

    assert (status, body, message_id) == (200, None, None)
    async with mailer.http.get(f"{mailer.url}/_sandbox/accounts/{mailer.key}/mailbox") as answer:
        assert await answer.json() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (without("from"), "from"),
        (without("personalizations"), "personalizations"),
        (without("subject"), "subject"),
        (without("content"), "content"),
        (letter(personalizations=[]), "personalizations"),
        (letter(personalizations=[{}]), "personalizations.0.to"),
        (letter(personalizations=[{"to": []}]), "personalizations.0.to"),
        (letter(personalizations=[{"to": [{"email": "nobody"}]}]), "personalizations.0.to.0.email"),
        (letter(personalizations=[{"to": [{"email": "a@b.test"}]}] * 1001), "personalizations"),
        (
            letter(personalizations=[{"to": [{"email": "a@b.test"}], "cc": [{"email": "A@b.test"}]}]),
            "personalizations.0",
        ),
        ({**letter(), "from": {"email": 5}}, "from.email"),
        ({**letter(), "from": "a@b.test"}, "from"),
        (letter(subject=""), "subject"),
        (letter(subject=7), "subject"),
        (letter(colour="red"), "colour"),
        (letter(content=[]), "content"),
        (letter(content=[{"type": "text/plain", "value": ""}]), "content.0.value"),
        (
            letter(content=[{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]),
            "content",
        ),
        (letter(attachments=[{"content": "!!", "filename": "f"}]), "attachments.0.content"),
        (letter(attachments=[{"content": "eA=="}]), "attachments.0.filename"),
        (letter(custom_args={"n": 1}), "custom_args.n"),
        (letter(send_at=10**11), "send_at"),
        (letter(categories=["c"] * 11), "categories"),
        ([], None),
        (None, None),
    ],
)
async def test_wrong_mail_is_refused_by_field(mailer: Mailer, body: Any, field: str | None) -> None:
    status, answer, _ = await mailer.send(body)

    assert status == 400
    assert answer["errors"][0].keys() == {"message", "field", "help"}
    assert field in [error["field"] for error in answer["errors"]]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"", {}, 400),
        (b'{"from": "\\ud800"}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"send_at": ' + b"9" * 5000 + b"}", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"x" * (30 * 1024 * 1024 + 1), {}, 413),
        (b"{}", {"Authorization": "Bearer nothing"}, 401),
        (b"{}", {"Authorization": "Basic SG.a.b"}, 401),
    ],
    ids=[
        "cut",
        "not text",
        "empty",
        "lone surrogate",
        "deep",
        "huge number",
        "wrong type",
        "too large",
        "bad key",
        "no bearer",
    ],
)
async def test_garbage_is_refused(mailer: Mailer, body: bytes, headers: dict[str, str], status: int) -> None:
    got, answer, _ = await mailer.send(body, **headers)

    assert got == status
    assert answer["errors"][0]["message"]


async def test_lost_answer_leaves_a_mail_behind(mailer: Mailer) -> None:
    fault = {"provider": "sendgrid", "account": mailer.key, "kind": "response_lost"}
    async with mailer.http.post(f"{mailer.url}/_sandbox/faults", json=fault) as answer:
        assert answer.status == 200

    with pytest.raises(aiohttp.ClientError):
        await mailer.send(letter())

    assert len(await mailer.mailbox()) == 1


async def test_mail_shows_itself_to_people_with_its_pictures(mailer: Mailer) -> None:
    _, _, message_id = await mailer.send(letter())
    page = {"Accept": "text/html"}

    async with mailer.http.get(
        f"{mailer.url}/mailbox", headers=page, params={"account": mailer.key}
    ) as answer:
        assert "Your tickets" in await answer.text()
    async with mailer.http.get(f"{mailer.url}/mailbox/{message_id}", headers=page) as answer:
        assert "ada@example.com" in await answer.text()
    async with mailer.http.get(f"{mailer.url}/mailbox/{message_id}/body") as answer:
        assert f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}" in await answer.text()
        assert "script" not in answer.headers["Content-Security-Policy"]
    async with mailer.http.get(f"{mailer.url}/mailbox/{message_id}/attachments/0") as answer:
        assert await answer.read() == PIXEL
