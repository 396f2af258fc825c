"""What histories hold is sealed, and opened for those who may: nobody reads a booking out of the engine."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.client import Client, WorkflowHistory

from providers.token import KeyRing, UserTokens
from tests.support.database import Databases
from tests.support.stack import Booked, Stack, bearer, front
from tests.support.temporal import connect
from workflows.booking import BookingWorkflow
from workflows.codec import SealedPayloads, Unreadable, converter

FIRST, SECOND = f"k1:{'1' * 64}", f"k2:{'2' * 64}"
TICKET = "a-ticket-for-tests-and-nobody-else-at-all"
UI = "http://ui.test"


def payload(text: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(text).encode())


async def test_a_payload_is_opened_as_it_was_by_whoever_has_the_key() -> None:
    plain = payload("Ada")
    [sealed], [again] = [await SealedPayloads(FIRST).encode([plain]) for _ in range(2)]

    assert b"Ada" not in sealed.SerializeToString()
    assert sealed.data != again.data  # a fresh nonce each time
    assert await SealedPayloads(f"{SECOND},{FIRST}").decode([sealed, plain]) == [plain, plain]


async def test_the_first_key_seals_and_its_name_goes_along() -> None:
    [sealed] = await SealedPayloads(f"{SECOND},{FIRST}").encode([payload("x")])

    assert sealed.metadata["key-id"] == b"k2"


@pytest.mark.parametrize(
    "keys", [SECOND, f"k1:{'2' * 64}"], ids=["an unknown key", "another key of the name"]
)
async def test_without_the_key_nothing_is_opened(keys: str) -> None:
    [sealed] = await SealedPayloads(FIRST).encode([payload("x")])

    with pytest.raises(Unreadable):
        await SealedPayloads(keys).decode([sealed])


@pytest.mark.parametrize("place", [0, 11, 12, -1])
async def test_a_changed_payload_is_not_opened(place: int) -> None:
    [sealed] = await SealedPayloads(FIRST).encode([payload("x")])
    changed = bytearray(sealed.data)
    changed[place] ^= 1

    with pytest.raises(Unreadable):
        await SealedPayloads(FIRST).decode([Payload(metadata=sealed.metadata, data=bytes(changed))])


def test_without_a_key_payloads_are_as_ever() -> None:
    assert converter("").payload_codec is None


@pytest.fixture
async def clear_sight(temporal_address: str) -> Client:
    """Connect without any key, as somebody who has got hold of the engine."""
    return await connect(temporal_address)


async def test_nothing_in_a_history_can_be_read_and_a_key_is_rotated_under_an_open_run(
    quiet: None,
    databases: Databases,
    temporal_address: str,
    temporal: Client,
    sandbox_url: str,
    clear_sight: Client,
) -> None:
    sealed: dict[str, Any] = {"payload_keys": FIRST, "codec_ticket": TICKET, "temporal_ui_url": UI}
    async with front(databases, temporal_address, temporal, sandbox_url, **sealed) as stack:
        async with stack.working():
            booking = await stack.book()
            await stack.checkout(booking)
        rotated = stack.settings.model_copy(update={"payload_keys": f"{SECOND},{FIRST}"})
        async with replace(stack, settings=rotated).working():
            read = (await stack.read(booking))["payment"]["payment_url"]
            await stack.sandbox.pay(read)
            await stack.wait_for(booking, "confirmed")
            history = await ended(clear_sight, booking)

        found = list(payloads(history))
        assert {each.metadata["encoding"] for each in found} == {b"binary/encrypted"}
        assert {each.metadata["key-id"] for each in found} == {b"k1", b"k2"}
        whole = b"".join(event.SerializeToString() for event in history.events)
        assert not [word for word in (b"Lovelace", b"ada@", b"25.00", b"Guided tour") if word in whole]

        await opened_by_those_who_may(stack, found, booking)
        outcome = (
            await with_keys(clear_sight, f"{SECOND},{FIRST}")
            .get_workflow_handle_for(BookingWorkflow.run, booking.workflow)
            .result()
        )
        assert outcome.status == "confirmed"


async def opened_by_those_who_may(stack: Stack, found: list[Payload], booking: Booked) -> None:
    """Ask the endpoint as the UI does, and as others do. Only the first key is known there."""
    ours = [each for each in found if each.metadata["key-id"] == b"k1"]
    body = json_format.MessageToJson(Payloads(payloads=ours))

    async def ask(path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        url = f"/api/v1/codec{path}"
        return await stack.http.post(
            url, content=body, headers={"Content-Type": "application/json", **(headers or {})}
        )

    answer = await ask(f"/{TICKET}/decode", {"Origin": UI, "X-Namespace": "default"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == UI
    texts = [each.data for each in json_format.Parse(answer.text, Payloads()).payloads]
    assert any(booking.reference.encode() in text for text in texts)

    asked = await stack.http.options(f"/api/v1/codec/{TICKET}/decode", headers={"Origin": UI})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, UI)
    assert "x-namespace" in asked.headers["access-control-allow-headers"]

    assert (await ask("/decode", await user(stack, "platform"))).status_code == 200
    assert (await ask("/decode", await user(stack, "operator"))).status_code == 403
    assert (await ask("/decode")).status_code == 401
    assert (await ask("/another-ticket/decode")).status_code == 404
    foreign = json_format.MessageToJson(
        Payloads(payloads=await SealedPayloads(SECOND).encode([payload("x")]))
    )
    for raw in ("{", '{"payloads": 1}', foreign):
        refused = await stack.http.post(f"/api/v1/codec/{TICKET}/decode", content=raw)
        assert refused.status_code in (400, 422), raw


async def user(stack: Stack, role: str) -> dict[str, str]:
    signer = UserTokens(KeyRing(stack.settings.jwt_private_key), stack.settings.jwt_issuer)
    tenant_id, now = await stack.value("select id from tenants"), await stack.value("select now()")
    return bearer(signer.sign("grace", tenant_id, [role], token_id=uuid4().hex, now=now))


async def ended(client: Client, booking: Booked) -> WorkflowHistory:
    """Give the history of a run once it has ended; its answer cannot be read here."""
    handle = client.get_workflow_handle(booking.workflow)
    async for _ in handle.fetch_history_events(wait_new_event=True):
        pass
    return await handle.fetch_history()


def payloads(history: WorkflowHistory) -> Iterator[Payload]:
    """List what a history holds of ours; search attributes and the engine's own notes are in clear."""
    for event in history.events:
        yield from _within(event)


def _within(message: Message) -> Iterator[Payload]:
    for field, value in message.ListFields():
        if field.name in ("search_attributes", "header"):
            continue
        parts: list[Any] = list(value.values()) if hasattr(value, "values") else [value]
        if field.name == "details" and hasattr(value, "items"):
            parts = [part for name, part in value.items() if name != "data"]  # which local activity it was
        for part in parts if not field.is_repeated or hasattr(value, "values") else list(value):
            if isinstance(part, Payload):
                yield part
            elif isinstance(part, Message):
                yield from _within(part)


def with_keys(client: Client, keys: str) -> Client:
    config = client.config()
    config["data_converter"] = converter(keys)
    return Client(**config)
