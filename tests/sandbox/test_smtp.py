"""The sandbox's mail server, driven with Python's own client."""

import asyncio
import secrets
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, TypeVar

import aiohttp
import pytest

from tests.sandbox.conftest import Process

T = TypeVar("T")
PNG = b"\x89PNG, or nearly so"


@dataclass
class Server:
    """The server as an account of one's own sees it."""

    url: str
    port: int
    http: aiohttp.ClientSession
    user: str
    password: str = "a password"  # noqa: S105

    async def session(self, do: Callable[[smtplib.SMTP], T], *, log_in: bool = True) -> T:
        """Hold a session; the client blocks."""

        def held() -> T:
            with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.test", timeout=120) as client:
                if log_in:
                    client.login(self.user, self.password)
                return do(client)

        return await asyncio.to_thread(held)

    async def fault(self, kind: str, route: str, **detail: float) -> None:
        """Order a fault of this account."""
        wish = {"provider": "smtp", "account": self.user, "kind": kind, "route": route, **detail}
        async with self.http.post(f"{self.url}/_sandbox/faults", json=wish) as answer:
            assert answer.status == 200

    async def mailbox(self) -> list[Any]:
        """Return this account's mails, newest first."""
        async with self.http.get(f"{self.url}/mailbox", params={"account": self.user}) as answer:
            found: list[Any] = (await answer.json())["mails"] if answer.status == 200 else []
            return found


@pytest.fixture
async def server(sandbox: Process, http: aiohttp.ClientSession) -> Server:
    """Take a name nobody has used."""
    async with http.get(f"{sandbox.url}/_sandbox/health") as answer:
        port = (await answer.json())["smtp_port"]
    return Server(sandbox.url, port, http, f"smtp_{secrets.token_hex(8)}")


def letter(to: str = "ada@example.com") -> EmailMessage:
    """Write a message with everything in it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tickets@example.com", to, "Grüße"
    message.set_content("See you there.\n.\n..leading dots\n")
    message.add_alternative('<img src="cid:qr">', subtype="html")
    page: Any = message.get_payload()
    page[1].add_related(PNG, "image", "png", cid="<qr>", filename="qr.png", disposition="inline")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ticket.pdf")
    return message


async def test_a_letter_lies_in_the_mailbox_with_all_its_parts(server: Server) -> None:
    refused = await server.session(lambda client: client.send_message(letter("ada@example.com, bob@b.test")))

    assert refused == {}
    [mail] = await server.mailbox()
    assert (mail["subject"], mail["from"]) == ("Grüße", {"email": "tickets@example.com"})
    assert [each["email"] for each in mail["to"]] == ["ada@example.com", "bob@b.test"]
    assert mail["text"].splitlines() == ["See you there.", ".", "..leading dots"]
    assert mail["html"].strip() == '<img src="cid:qr">'
    assert [(each["filename"], each["content_id"]) for each in mail["attachments"]] == [
        ("qr.png", "qr"),
        ("ticket.pdf", None),
    ]
    assert {each["status"] for each in mail["deliveries"]} == {"delivered"}


async def test_several_letters_go_through_one_session(server: Server) -> None:
    def two(client: smtplib.SMTP) -> None:
        client.send_message(letter())
        client.rset()
        client.send_message(letter())

    await server.session(two)

    assert len(await server.mailbox()) == 2


async def test_nobody_sends_without_the_right_password(server: Server) -> None:
    await server.session(lambda client: client.noop())
    server.password = "another"  # noqa: S105

    with pytest.raises(smtplib.SMTPAuthenticationError):
        await server.session(lambda client: client.noop())
    with pytest.raises(smtplib.SMTPSenderRefused):
        await server.session(lambda client: client.send_message(letter()), log_in=False)

    assert await server.mailbox() == []


async def test_an_address_that_is_not_there_is_turned_away(server: Server) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await server.session(lambda client: client.send_message(letter("invalid@example.com")))

    assert await server.mailbox() == []


@pytest.mark.parametrize(
    ("kind", "detail", "trouble", "kept"),
    [
        ("drop_before", {}, smtplib.SMTPServerDisconnected, 0),
        ("response_lost", {}, smtplib.SMTPServerDisconnected, 1),
        ("rate_limit", {}, smtplib.SMTPDataError, 0),
        ("response_500_before", {}, smtplib.SMTPDataError, 0),
        ("response_500_before", {"status": 554}, smtplib.SMTPDataError, 0),
    ],
)
async def test_it_goes_wrong_on_order(
    server: Server, kind: str, detail: dict[str, float], trouble: type[Exception], kept: int
) -> None:
    await server.fault(kind, "DATA", **detail)

    with pytest.raises(trouble):
        await server.session(lambda client: client.send_message(letter()))

    assert len(await server.mailbox()) == kept


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["NOTHING"], 500),
        (["MAIL FROM:<a@b.test>", "RCPT TO:nobody"], 501),
        (["MAIL FROM:<a@b.test>", "RCPT TO:<nobody>"], 501),
        (["MAIL a@b.test"], 501),
        (["RCPT TO:<a@b.test>"], 503),
        (["DATA"], 503),
        (["AUTH PLAIN !!"], 501),
        (["AUTH PLAIN eA=="], 501),
        (["AUTH CRAM-MD5"], 504),
        (["VRFY ada"], 252),
        (["\xff\xfe"], 500),
    ],
)
async def test_a_wrong_command_is_refused_and_the_session_goes_on(
    server: Server, lines: list[str], code: int
) -> None:
    def said(client: smtplib.SMTP) -> list[int]:
        client.ehlo()
        client.command_encoding = "latin-1"
        return [client.docmd(line)[0] for line in [*lines, "NOOP"]]

    codes = await server.session(said)

    assert codes[-2:] == [code, 250]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no header at all",
        b"Content-Type: text/plain; charset=nobody-knows\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n",
        b"To: \xff<<>>,,;\r\nSubject: =?utf-8?q?=FF?=\r\n\r\nhello",
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    ],
)
async def test_an_odd_letter_is_kept_or_refused_and_the_session_goes_on(
    server: Server, content: bytes
) -> None:
    def sent(client: smtplib.SMTP) -> tuple[int, int]:
        client.mail("a@b.test")
        client.rcpt("c@d.test")
        try:
            code = client.data(content)[0]
        except smtplib.SMTPDataError as no:
            code = no.smtp_code
        return code, client.noop()[0]

    code, after = await server.session(sent)

    assert (code in (250, 554), after) == (True, 250)


async def test_a_line_that_never_ends_ends_the_session(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"EHLO " + b"x" * 10_000)

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readuntil(b"250")
    writer.close()
