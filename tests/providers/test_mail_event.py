"""SendGrid's events: who is believed, and what is read and kept of them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook

from domain.notice import DeliveryState
from providers.gateway import BadSignature
from providers.mail.event import SIGNATURE, STAMP, MailEvents, parse
from tests.support.mail import event, shown, signed

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
RAW = b'[{"event":"delivered"}]\r\n'
NEW, OLD, FOREIGN = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
VERIFIER = MailEvents([shown(NEW), shown(OLD)])


@pytest.mark.parametrize("key", [NEW, OLD], ids=["new", "old"])
def test_both_keys_are_believed_while_one_is_replaced(key: ec.EllipticCurvePrivateKey) -> None:
    headers = signed(RAW, NOW, key)

    VERIFIER.verify(RAW, headers, NOW)

    assert EventWebhook(shown(key)).verify_signature(RAW.decode(), headers[SIGNATURE], headers[STAMP])


@pytest.mark.parametrize("ago", [timedelta(hours=25), timedelta(minutes=-5)])
def test_a_delivery_may_be_a_day_old(ago: timedelta) -> None:
    VERIFIER.verify(RAW, signed(RAW, NOW - ago, NEW), NOW)


@pytest.mark.parametrize("ago", [timedelta(hours=25, seconds=1), timedelta(minutes=-5, seconds=-1)])
def test_a_stamp_too_old_or_of_the_future_is_refused(ago: timedelta) -> None:
    with pytest.raises(BadSignature):
        VERIFIER.verify(RAW, signed(RAW, NOW - ago, NEW), NOW)


GOOD = signed(RAW, NOW, NEW)


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (RAW, {}),
        (RAW, {STAMP: GOOD[STAMP]}),
        (RAW, {SIGNATURE: GOOD[SIGNATURE]}),
        (RAW.strip(), GOOD),
        (RAW + b" ", GOOD),
        (b"\xff\x00", GOOD),
        (RAW, {**GOOD, STAMP: str(int(GOOD[STAMP]) + 1)}),
        (RAW, {**GOOD, STAMP: "١٧٩٣٥٣٤٤٠٠"}),
        (RAW, {**GOOD, STAMP: "9" * 400}),
        (RAW, {**GOOD, STAMP: "-1"}),
        (RAW, {**GOOD, SIGNATURE: "no base64!"}),
        (RAW, {**GOOD, SIGNATURE: "ÿ"}),
        (RAW, {**GOOD, SIGNATURE: base64.b64encode(b"no DER").decode()}),
        (RAW, {**GOOD, SIGNATURE: "A" * 10_000}),
        (RAW, signed(RAW, NOW, FOREIGN)),
    ],
)
def test_no_forgery_is_believed_and_none_is_a_defect(raw: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        VERIFIER.verify(raw, headers, NOW)


IDS = {"tenant": str(uuid4()), "notice_id": str(uuid4())}


@pytest.mark.row("NOT-13")
@pytest.mark.parametrize(
    ("word", "more", "state"),
    [
        ("deferred", {}, DeliveryState.DEFERRED),
        ("delivered", {}, DeliveryState.DELIVERED),
        ("bounce", {"type": "bounce"}, DeliveryState.BOUNCED),
        ("bounce", {}, DeliveryState.BOUNCED),
        ("bounce", {"type": "blocked"}, DeliveryState.BLOCKED),
        ("dropped", {}, DeliveryState.DROPPED),
        ("spamreport", {}, DeliveryState.SPAM),
    ],
)
def test_each_word_means_one_thing(word: str, more: dict[str, str], state: DeliveryState) -> None:
    [read] = parse(json.dumps([event(word, "e1", **IDS, **more)]).encode())

    assert read.fact is not None
    assert read.fact.state is state
    assert read.fact.occurred_at == datetime.fromtimestamp(1_795_000_000, UTC)
    assert {"tenant": str(read.fact.tenant_id), "notice_id": str(read.fact.notice_id)} == IDS
    assert (read.event_id, read.kind) == ("e1", word)


@pytest.mark.parametrize("word", ["processed", "open", "click", "unsubscribe", "something_new"])
def test_what_says_nothing_of_delivery_moves_nothing(word: str) -> None:
    [read] = parse(json.dumps([event(word, "e1", **IDS)]).encode())

    assert read.fact is None
    assert not read.unreadable


@pytest.mark.parametrize("ids", [{}, {"tenant": "acme", "notice_id": "7"}, {"tenant": 5, "notice_id": None}])
def test_mail_that_is_not_ours_moves_nothing(ids: dict[str, Any]) -> None:
    [read] = parse(json.dumps([event("bounce", "e1", **ids)]).encode())

    assert read.fact is None
    assert not read.unreadable


def test_what_is_kept_of_an_event_tells_of_nobody_and_is_read_the_same_again() -> None:
    [read] = parse(json.dumps([event("bounce", "e1", status="5.1.1", **IDS)]).encode())

    assert b"ada" not in read.body
    assert b"203.0.113.7" not in read.body
    assert parse(read.body) == [read]


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"event": "bounce"},
        {"event": "bounce", "sg_event_id": "e", "timestamp": "soon"},
        {"event": "bounce", "sg_event_id": "e", "timestamp": 1e300},
        {"event": ["bounce"], "sg_event_id": "e", "timestamp": 1},
        {"event": "bounce", "sg_event_id": "two words", "timestamp": 1},
        {"event": "bounce", "sg_event_id": 7, "timestamp": 1},
    ],
)
def test_an_event_of_another_shape_is_known_by_its_bytes_beside_good_ones(item: dict[str, Any]) -> None:
    good, odd = parse(json.dumps([event("bounce", "e1", **IDS), item]).encode())

    assert good.fact is not None
    assert odd.unreadable


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{}", b"[1]", b"[" * 100_000, b"null", b'"x"'])
def test_a_delivery_that_is_no_list_of_events_is_read_as_nothing(raw: bytes) -> None:
    assert parse(raw) == ()
