"""Letters handed over to the sandbox's mail service, and what becomes of them."""

import base64
from datetime import timedelta
from uuid import uuid4

import aiohttp
import pytest

from devtools.ports import any_free
from domain.ids import NoticeId, TenantId
from providers.gateway import GatewayTrouble, NotExecuted, OutcomeUnknown, Refused
from providers.letter import write
from providers.mail.post import Letter
from providers.mail.sendgrid import SendGrid
from tests.providers.test_letter import occasion
from tests.support.sandbox import Account

NOTICE, TENANT = NoticeId(uuid4()), TenantId(uuid4())


def post(account: Account, http: aiohttp.ClientSession, api: str | None = None) -> SendGrid:
    return SendGrid(
        api_key=account.mail_key,
        sender="tickets@holdfast.example",
        http=http,
        api=api or f"{account.url}/sendgrid",
    )


async def send(service: SendGrid, letter: Letter | None = None) -> str:
    return await service.send(letter or write(occasion()), notice_id=NOTICE, tenant_id=TENANT)


async def test_a_letter_arrives_as_it_was_written_with_its_pictures(
    account: Account, http: aiohttp.ClientSession
) -> None:
    letter = write(occasion())

    message_id = await send(post(account, http), letter)

    (mail,) = await account.mailbox()
    assert mail["id"] == message_id
    assert (mail["subject"], mail["text"], mail["html"]) == (letter.subject, letter.text, letter.html)
    assert mail["to"] == [{"email": "zoe@example.com", "name": "Zoë"}]
    pictures = [(each["content_id"], each["disposition"], each["content"]) for each in mail["attachments"]]
    assert pictures == [
        (picture.name, "inline", base64.b64encode(picture.png).decode()) for picture in letter.pictures
    ]


async def test_what_goes_with_a_letter_says_nothing_of_the_person(
    account: Account, http: aiohttp.ClientSession
) -> None:
    await send(post(account, http))

    (mail,) = await account.mailbox()
    assert mail["custom_args"] == {"notice_id": str(NOTICE), "tenant": str(TENANT)}


@pytest.mark.parametrize(
    ("fault", "trouble", "kept"),
    [
        ("rate_limit", NotExecuted, 0),
        ("response_lost", OutcomeUnknown, 1),
        ("response_500_before", OutcomeUnknown, 0),
        ("drop_before", OutcomeUnknown, 0),
        ("html_error", OutcomeUnknown, 0),
    ],
)
async def test_what_goes_wrong_says_whether_it_may_have_been_sent(
    account: Account, http: aiohttp.ClientSession, fault: str, trouble: type[GatewayTrouble], kept: int
) -> None:
    await order_fault(account, fault)

    with pytest.raises(trouble):
        await send(post(account, http))

    assert len(await account.mailbox()) == kept


async def test_a_rate_limit_says_how_long_to_wait_if_the_service_does(
    account: Account, http: aiohttp.ClientSession
) -> None:
    await order_fault(account, "rate_limit", seconds=9)

    with pytest.raises(NotExecuted) as trouble:
        await send(post(account, http))

    assert trouble.value.retry_after in (timedelta(seconds=9), None)


async def test_nobody_listening_means_that_nothing_was_sent(
    account: Account, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(NotExecuted):
        await send(post(account, http, f"http://127.0.0.1:{any_free()}"))


async def test_a_letter_without_a_right_address_is_refused(
    account: Account, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(Refused):
        await send(post(account, http), write(occasion(email="nobody")))


async def test_a_letter_waits_until_our_key_is_right(account: Account, http: aiohttp.ClientSession) -> None:
    account.mail_key = "no key"

    with pytest.raises(NotExecuted) as trouble:
        await send(post(account, http))

    assert trouble.value.reason == "not_authorised"


async def order_fault(account: Account, kind: str, **detail: float) -> None:
    wish = {"provider": "sendgrid", "account": account.mail_key, "route": "*", "kind": kind, **detail}
    answer = await account.http.post(f"{account.url}/_sandbox/faults", json=wish)
    answer.raise_for_status()
