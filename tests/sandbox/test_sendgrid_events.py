"""What becomes of mail at SendGrid's face, as its own package sees it: events, suppressions, settings."""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.mail import BypassListManagement, Mail, MailSettings

from tests.sandbox.conftest import Process, Receiver

ALL = ("processed", "deferred", "delivered", "bounce", "dropped", "spam_report")
STAMP, SIGNATURE = "X-Twilio-Email-Event-Webhook-Timestamp", "X-Twilio-Email-Event-Webhook-Signature"


@dataclass
class Sender:
    """Somebody with a key of their own, who uses the package."""

    url: str
    http: aiohttp.ClientSession
    key: str
    api: Any  # untyped, as the package is

    async def call(self, do: Callable[..., Any], **asked: Any) -> tuple[int, Any]:
        """Call the API, which blocks; return status and JSON, if any."""
        try:
            answer = await asyncio.to_thread(do, **asked)
        except HTTPError as no:
            return no.status_code, json.loads(no.body)
        return answer.status_code, json.loads(answer.body) if answer.body else None

    async def send(self, to: str, **more: Any) -> None:
        """Send a mail, and let it come as far as it comes by itself."""
        mail = Mail("tickets@example.com", to, "Your tickets", "See you there.")
        for name, value in more.items():
            setattr(mail, name, value)
        assert (await self.call(lambda: self.api.send(mail)))[0] == 202
        await self.control("deliveries/drain")

    async def listen(self, url: str, *events: str) -> str:
        """Register a webhook for these events, signed; return the key to verify it with."""
        wish = {"url": url, "enabled": True, **dict.fromkeys(events, True)}
        settings = self.api.client.user.webhooks.event.settings
        _, hook = await self.call(settings.post, request_body=wish)
        _, told = await self.call(settings.signed._(hook["id"]).patch, request_body={"enabled": True})
        return str(told["public_key"])

    async def control(self, path: str, **body: Any) -> None:
        """Ask the control API."""
        async with self.http.post(f"{self.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def statuses(self) -> list[str]:
        """Return how far each mail has come, the newest first."""
        async with self.http.get(f"{self.url}/mailbox", params={"account": self.key}) as answer:
            return [mail["deliveries"][0]["status"] for mail in (await answer.json())["mails"]]


@pytest.fixture
async def sender(sandbox: Process, http: aiohttp.ClientSession) -> Sender:
    """Take a key nobody has used."""
    key = f"SG.{secrets.token_urlsafe(12)}"
    return Sender(sandbox.url, http, key, SendGridAPIClient(key, host=f"{sandbox.url}/sendgrid"))


def verified(receiver: Receiver, key: str) -> list[dict[str, Any]]:
    """Return the events that were delivered, each delivery checked by SendGrid's own verifier."""
    events = []
    for (body, _), headers in zip(receiver.deliveries, receiver.headers, strict=True):
        assert EventWebhook(key).verify_signature(body.decode(), headers[SIGNATURE], headers[STAMP])
        events += json.loads(body)
    return events


@pytest.mark.parametrize(
    ("to", "told", "status"),
    [
        ("ada@example.com", ["delivered", "processed"], "delivered"),
        ("bounce@example.com", ["bounce", "processed"], "bounced"),
        ("Bounce+tag@example.com", ["bounce", "processed"], "bounced"),
        ("blocked@example.com", ["bounce", "processed"], "blocked"),
        ("defer@example.com", ["deferred", "processed"], "deferred"),
        ("spam@example.com", ["delivered", "processed", "spamreport"], "complained"),
        ("invalid@example.com", ["dropped"], "dropped"),
    ],
)
async def test_what_becomes_of_a_mail_is_told_and_signed(
    sender: Sender, receiver: Receiver, to: str, told: list[str], status: str
) -> None:
    key = await sender.listen(receiver.url, *ALL)

    await sender.send(to)

    events = verified(receiver, key)
    assert sorted(event["event"] for event in events) == told
    assert {event["email"] for event in events} == {to}
    assert len({event["sg_event_id"] for event in events}) == len(events)
    assert await sender.statuses() == [status]


async def test_what_was_sent_along_stands_in_every_event(sender: Sender, receiver: Receiver) -> None:
    key = await sender.listen(receiver.url, *ALL)
    body = Mail("tickets@example.com", "bounce@example.com", "Hi", "Hello").get()
    ids = {"notice_id": "n1", "tenant": "t1"}

    async with sender.http.post(
        f"{sender.url}/sendgrid/v3/mail/send",
        json={**body, "custom_args": ids},
        headers={"Authorization": f"Bearer {sender.key}"},
    ) as answer:
        message_id = answer.headers["X-Message-Id"]
    await sender.control("deliveries/drain")

    for event in verified(receiver, key):
        assert ids.items() <= event.items()
        assert event["sg_message_id"].startswith(f"{message_id}.")
    [bounce] = [event for event in verified(receiver, key) if event["event"] == "bounce"]
    assert (bounce["type"], bounce["status"]) == ("bounce", "5.1.1")


async def test_mail_that_was_put_off_arrives_ten_minutes_later(sender: Sender, receiver: Receiver) -> None:
    key = await sender.listen(receiver.url, "delivered")
    await sender.send("defer@example.com")
    assert receiver.deliveries == []

    await sender.control("clock/advance", seconds=600, account=sender.key)

    assert [event["event"] for event in verified(receiver, key)] == ["delivered"]
    assert await sender.statuses() == ["delivered"]


async def test_what_was_not_taken_is_told_again_under_the_same_id(sender: Sender, receiver: Receiver) -> None:
    key = await sender.listen(receiver.url, "delivered")
    receiver.answers = [500]
    await sender.send("ada@example.com")

    await sender.control("clock/advance", seconds=3, account=sender.key)

    first, second = verified(receiver, key)
    assert first == second


async def test_an_address_that_bounced_gets_nothing_until_it_is_taken_off_the_list(sender: Sender) -> None:
    bounces = sender.api.client.suppression.bounces
    await sender.send("bounce@example.com")
    await sender.send("bounce@example.com")
    assert await sender.statuses() == ["dropped", "bounced"]

    status, [listed] = await sender.call(bounces._("Bounce@example.com").get)
    assert (status, listed["email"], listed["status"]) == (200, "bounce@example.com", "5.1.1")
    assert await sender.call(bounces._("bounce@example.com").delete) == (204, None)
    assert (await sender.call(bounces._("bounce@example.com").delete))[0] == 404

    await sender.send("bounce@example.com")
    assert (await sender.statuses())[0] == "bounced"


async def test_a_mail_may_pass_by_the_lists(sender: Sender) -> None:
    await sender.send("bounce@example.com")

    await sender.send(
        "bounce@example.com", mail_settings=MailSettings(None, BypassListManagement(enable=True))
    )

    assert await sender.statuses() == ["bounced", "bounced"]


@pytest.mark.parametrize(
    ("group", "to"),
    [("bounces", "bounce"), ("blocks", "blocked"), ("spam_reports", "spam"), ("invalid_emails", "invalid")],
)
async def test_each_list_is_read_in_parts_and_emptied(sender: Sender, group: str, to: str) -> None:
    suppressed = getattr(sender.api.client.suppression, group)
    addresses = [f"{to}+{n}@example.com" for n in range(3)]
    for address in addresses:
        await sender.send(address)

    _, found = await sender.call(suppressed.get)
    assert [each["email"] for each in found] == addresses[::-1]
    _, part = await sender.call(suppressed.get, query_params={"offset": 1, "limit": 1})
    assert [each["email"] for each in part] == [addresses[1]]
    assert await sender.call(suppressed.get, query_params={"end_time": found[-1]["created"] - 1}) == (200, [])

    assert await sender.call(suppressed.delete, request_body={"emails": addresses[:1]}) == (204, None)
    assert len((await sender.call(suppressed.get))[1]) == 2
    assert await sender.call(suppressed.delete, request_body={"delete_all": True}) == (204, None)
    assert await sender.call(suppressed.get) == (200, [])


async def test_who_wants_nothing_gets_nothing(sender: Sender) -> None:
    everyone = sender.api.client.asm.suppressions._("global")
    body = {"recipient_emails": ["ada@example.com"]}

    assert await sender.call(everyone.post, request_body=body) == (201, body)
    await sender.send("ada@example.com")

    assert await sender.statuses() == ["dropped"]
    assert (await sender.call(everyone._("ada@example.com").get))[1] == {"recipient_email": "ada@example.com"}
    assert await sender.call(everyone._("ada@example.com").delete) == (204, None)
    assert await sender.call(everyone._("ada@example.com").get) == (200, {})


async def test_a_webhook_is_told_only_what_it_wants_and_signs_when_asked(
    sender: Sender, receiver: Receiver
) -> None:
    settings = sender.api.client.user.webhooks.event.settings
    wish = {"url": receiver.url, "enabled": True, "delivered": True}
    _, hook = await sender.call(settings.post, request_body=wish)
    assert (await sender.call(settings.signed._(hook["id"]).get))[1] == {"id": hook["id"], "public_key": ""}

    await sender.send("ada@example.com")
    [(body, _)] = receiver.deliveries
    assert [event["event"] for event in json.loads(body)] == ["delivered"]
    assert SIGNATURE not in receiver.headers[0]

    _, changed = await sender.call(settings._(hook["id"]).patch, request_body={"delivered": False})
    assert (changed["delivered"], changed["enabled"], changed["url"]) == (False, True, receiver.url)
    await sender.send("ada@example.com")
    assert len(receiver.deliveries) == 1

    assert [each["id"] for each in (await sender.call(settings.all.get))[1]["webhooks"]] == [hook["id"]]
    assert (await sender.call(settings.get))[1] == changed
    assert await sender.call(settings._(hook["id"]).delete) == (204, None)
    assert (await sender.call(settings._(hook["id"]).get))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/user/webhooks/event/settings", {}, 400),
        ("POST", "/user/webhooks/event/settings", {"url": "nowhere"}, 400),
        ("POST", "/user/webhooks/event/settings", {"url": "http://a.test", "delivered": "yes"}, 400),
        ("POST", "/user/webhooks/event/settings", {"url": "http://a.test", "colour": True}, 400),
        ("POST", "/user/webhooks/event/settings", [], 400),
        ("PATCH", "/user/webhooks/event/settings", {"enabled": True}, 404),
        ("PATCH", "/user/webhooks/event/settings/signed/x", {}, 400),
        ("PATCH", "/user/webhooks/event/settings/signed/x", {"enabled": True}, 404),
        ("GET", "/user/webhooks/event/settings/x", None, 404),
        ("PUT", "/user/webhooks/event/settings", {}, 405),
        ("DELETE", "/suppression/bounces", {"emails": ["a@b.test"], "delete_all": True}, 400),
        ("DELETE", "/suppression/bounces", None, 400),
        ("DELETE", "/suppression/bounces", {"emails": "a@b.test"}, 400),
        ("GET", "/suppression/bounces?limit=x", None, 400),
        ("GET", f"/suppression/bounces?limit={'9' * 50}", None, 400),
        ("GET", "/suppression/nobody", None, 404),
        ("POST", "/asm/suppressions/global", {"recipient_emails": []}, 400),
        ("POST", "/asm/suppressions/global", {"recipient_emails": ["nobody"]}, 400),
        ("DELETE", "/asm/suppressions/global/a@b.test", None, 404),
        ("GET", "/mail/send", None, 405),
        ("GET", "/messages", None, 404),
    ],
)
async def test_a_wrong_request_is_refused_in_sendgrids_form(
    sender: Sender, method: str, path: str, body: Any, status: int
) -> None:
    sent = {} if body is None else {"json": body}
    known = {"Authorization": f"Bearer {sender.key}"}

    async with sender.http.request(
        method, f"{sender.url}/sendgrid/v3{path}", headers=known, **sent
    ) as answer:
        assert answer.status == status
        assert (await answer.json())["errors"][0].keys() == {"message", "field", "help"}
