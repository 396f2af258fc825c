"""Letters handed over to a mail server, in place of SendGrid or beside it."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from devtools.ports import any_free
from domain.ids import NoticeId, TenantId
from providers.gateway import GatewayTrouble, NotExecuted, OutcomeUnknown, Refused
from providers.letter import write
from providers.mail.post import Letter, Post, Substitutes
from providers.mail.sendgrid import SendGrid
from providers.mail.smtp import Smtp
from tests.providers.test_letter import occasion
from tests.support.mail import at_sendgrid
from tests.support.sandbox import Account
from tests.support.wait import eventually

NOTICE, TENANT = NoticeId(uuid4()), TenantId(uuid4())


@pytest.fixture
async def mailbox(account: Account) -> Account:
    """Give an account at the sandbox's mail server."""
    fresh = account.at("smtp")
    fresh.mail_key = fresh.key
    return fresh


async def smtp(mailbox: Account, **more: object) -> Smtp:
    health = (await mailbox.http.get(f"{mailbox.url}/_sandbox/health")).json()
    given: dict[str, object] = {
        "host": "127.0.0.1",
        "port": health["smtp_port"],
        "user": mailbox.key,
        "password": "a password",
        "tls": "none",
        "sender": "tickets@holdfast.example",
        **more,
    }
    return Smtp(**given)  # type: ignore[arg-type]


async def send(service: Post, letter: Letter | None = None) -> str:
    return await service.send(letter or write(occasion()), notice_id=NOTICE, tenant_id=TENANT)


async def test_a_letter_arrives_as_it_was_written_with_its_pictures(mailbox: Account) -> None:
    letter = write(occasion())

    message_id = await send(await smtp(mailbox), letter)

    (mail,) = await mailbox.mailbox()
    assert message_id == mail["headers"]["Message-ID"] == f"<{NOTICE}@holdfast.example>"
    assert (mail["subject"], mail["text"].splitlines()) == (letter.subject, letter.text.splitlines())
    assert mail["html"].splitlines() == letter.html.splitlines()
    assert mail["to"] == [{"email": "zoe@example.com"}]
    assert mail["headers"]["To"] == "Zoë <zoe@example.com>"
    shown = [(each["content_id"], each["disposition"], each["type"]) for each in mail["attachments"]]
    assert shown == [(picture.name, "inline", "image/png") for picture in letter.pictures]


@pytest.mark.parametrize(
    ("route", "fault", "detail", "trouble", "kept"),
    [
        ("DATA", "response_lost", {}, OutcomeUnknown, 1),
        ("DATA", "drop_before", {}, OutcomeUnknown, 0),
        ("DATA", "rate_limit", {}, NotExecuted, 0),
        ("DATA", "response_500_before", {"status": 554}, Refused, 0),
        ("RCPT", "drop_before", {}, NotExecuted, 0),
        ("RCPT", "rate_limit", {}, NotExecuted, 0),
        ("MAIL", "drop_before", {}, NotExecuted, 0),
        ("MAIL", "response_500_before", {"status": 550}, NotExecuted, 0),
    ],
)
async def test_what_goes_wrong_says_whether_it_may_have_been_sent(
    mailbox: Account, route: str, fault: str, detail: dict[str, Any], trouble: type[GatewayTrouble], kept: int
) -> None:
    await mailbox.break_down(route, fault, **detail)

    with pytest.raises(trouble):
        await send(await smtp(mailbox))

    assert len(await mailbox.mailbox()) == kept


async def test_a_server_that_says_nothing_leaves_it_unknown(mailbox: Account) -> None:
    await mailbox.break_down("DATA", "slow", seconds=600)

    async def left_unknown() -> bool:
        try:
            await send(await smtp(mailbox, timeout=timedelta(seconds=2)))
        except NotExecuted:  # the machine stood still before the letter was on its way
            return False
        except OutcomeUnknown:
            return True
        pytest.fail("a letter that nobody has taken was sent")

    await eventually(left_unknown, what="a letter of which nobody knows")


async def test_nobody_listening_means_that_nothing_was_sent(mailbox: Account) -> None:
    with pytest.raises(NotExecuted):
        await send(await smtp(mailbox, port=any_free()))


async def test_a_wrong_password_lets_the_letter_wait(mailbox: Account) -> None:
    await send(await smtp(mailbox))

    with pytest.raises(NotExecuted) as trouble:
        await send(await smtp(mailbox, password=secrets.token_hex()))

    assert trouble.value.reason == "not_authorised"


async def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for(mailbox: Account) -> None:
    with pytest.raises(NotExecuted):
        await send(await smtp(mailbox, tls="starttls"))

    assert await mailbox.mailbox() == []


@pytest.mark.parametrize(
    "email",
    ["nobody", "", "a b@example.com", "zoë@example.com", "a@b.test\r\nBcc: c@d.test", "invalid@b.test"],
)
async def test_a_letter_to_no_address_is_refused(mailbox: Account, email: str) -> None:
    with pytest.raises(Refused):
        await send(await smtp(mailbox), write(occasion(email=email)))

    assert await mailbox.mailbox() == []


# --- one after the other


async def both(account: Account, mailbox: Account, http: aiohttp.ClientSession) -> Substitutes:
    first = SendGrid(
        api_key=account.mail_key, sender="tickets@holdfast.example", http=http, api=f"{account.url}/sendgrid"
    )
    return Substitutes(first, await smtp(mailbox))


@pytest.mark.parametrize(
    ("fault", "detail", "there", "here"),
    [(None, {}, 1, 0), ("rate_limit", {}, 0, 1), ("response_500_before", {"status": 401}, 0, 1)],
)
async def test_the_second_service_is_asked_when_the_first_surely_took_nothing(
    account: Account,
    mailbox: Account,
    http: aiohttp.ClientSession,
    fault: str | None,
    detail: dict[str, Any],
    there: int,
    here: int,
) -> None:
    await broken(account, fault, **detail)

    await send(await both(account, mailbox, http))

    assert (len(await account.mailbox()), len(await mailbox.mailbox())) == (there, here)


@pytest.mark.row(
    "NOT-17", partly="nobody sends a second copy over another service; the rest: tests/workflows"
)
@pytest.mark.parametrize(
    ("fault", "detail", "trouble"),
    [
        ("response_lost", {}, OutcomeUnknown),
        ("response_500_before", {}, OutcomeUnknown),
        ("response_500_before", {"status": 400}, Refused),
    ],
)
async def test_nobody_else_is_asked_for_what_may_have_been_sent_or_what_nobody_will_have(
    account: Account,
    mailbox: Account,
    http: aiohttp.ClientSession,
    fault: str,
    detail: dict[str, Any],
    trouble: type[GatewayTrouble],
) -> None:
    await broken(account, fault, **detail)

    with pytest.raises(trouble):
        await send(await both(account, mailbox, http))

    assert await mailbox.mailbox() == []


async def broken(account: Account, fault: str | None, **detail: Any) -> None:
    if fault is not None:
        await at_sendgrid(account).break_down("POST /v3/mail/send", fault, **detail)
