"""Whether an event is Stripe's own, and what it says: real deliveries, and everything a stranger can send."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import stripe
from hypothesis import given, strategies as st

from domain.payment import FactKind
from providers.gateway import BadSignature
from providers.stripe_gateway import webhook
from providers.stripe_gateway.fact import TELLS
from tests.providers.conftest import Delivery, Desk, MakeOrder, key_of, stripe_gateway
from tests.support.sandbox import Account

SECRET, NEXT = "whsec_present_0123456789", "whsec_next_9876543210"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TOLERANCE = timedelta(seconds=300)
STAMP = int(NOW.timestamp())
BODY = '{\n  "id":  "evt_1",\n "note": "Zoë ☂"}\n'.encode()


def signed(raw: bytes = BODY, *, secret: str = SECRET, stamp: int | str = STAMP) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
    return {webhook.HEADER: f"t={stamp},v1={digest}"}


def verify(raw: bytes, headers: dict[str, str], *secrets: str, now: datetime = NOW) -> None:
    webhook.verify(raw, headers, secrets or (SECRET,), now, TOLERANCE)


def refused(raw: bytes, headers: dict[str, str], *secrets: str, now: datetime = NOW) -> None:
    with pytest.raises(BadSignature):
        verify(raw, headers, *secrets, now=now)


def test_what_stripe_signed_is_authentic() -> None:
    verify(BODY, signed())


@pytest.mark.row("WHK-01", partly="the route's answer is proved with the API")
@pytest.mark.row("SEC-10")
@pytest.mark.parametrize("secrets", [(SECRET, NEXT), (NEXT, SECRET)])
@pytest.mark.parametrize("signer", [SECRET, NEXT])
def test_both_secrets_are_believed_while_one_is_rotated(secrets: tuple[str, ...], signer: str) -> None:
    verify(BODY, signed(secret=signer), *secrets)


def test_a_header_with_the_signatures_of_both_secrets_is_believed_by_either() -> None:
    foreign, ours = signed(secret=NEXT)[webhook.HEADER], signed()[webhook.HEADER]
    both = {webhook.HEADER: f"{foreign},{ours.partition(',')[2]},v0=000"}

    verify(BODY, both)


@pytest.mark.row("WHK-01", partly="the route's answer is proved with the API")
@pytest.mark.parametrize("seconds", [301, -301, 10**9, -(10**9)])
def test_a_stamp_too_old_or_of_the_future_is_refused(seconds: int) -> None:
    refused(BODY, signed(stamp=STAMP + seconds))


@pytest.mark.parametrize("seconds", [300, -300, 0])
def test_a_stamp_within_the_tolerance_is_taken(seconds: int) -> None:
    verify(BODY, signed(stamp=STAMP + seconds))


@pytest.mark.row("WHK-01", partly="the route's answer is proved with the API")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "v1=abc",
        f"t={STAMP}",
        f"t={STAMP},v1=",
        f"t={STAMP},v1=ünïcode",
        f"t={STAMP},v1=\udcff",
        "t=١٢٣,v1=00",
        f"t={'9' * 5000},v1=00",
        "t=1e9,v1=00",
        "t=-1,v1=00",
        "t=nan,v1=00",
        ",,,===,,,",
        "t",
    ],
)
def test_a_header_that_is_no_signature_is_refused(header: str) -> None:
    refused(BODY, {webhook.HEADER: header})


def test_a_missing_header_is_refused() -> None:
    refused(BODY, {})


@pytest.mark.parametrize("secrets", [("",), ("", ""), ("whsec_foreign",)])
def test_an_empty_or_foreign_secret_believes_nothing(secrets: tuple[str, ...]) -> None:
    refused(BODY, signed(secret=""), *secrets)
    refused(BODY, signed(secret=SECRET), *secrets)


def test_no_secret_at_all_closes_the_endpoint() -> None:
    with pytest.raises(BadSignature):
        webhook.verify(BODY, signed(), (), NOW, TOLERANCE)


@pytest.mark.row("WHK-01", partly="the route's answer is proved with the API")
def test_a_body_that_is_not_text_is_checked_like_any_other() -> None:
    raw = b"\xff\xfe\x00 no utf-8"

    verify(raw, signed(raw))
    refused(raw + b"\x00", signed(raw))


@pytest.mark.row("SEC-10")
@given(raw=st.binary(max_size=200), place=st.integers(min_value=0), change=st.integers(1, 255))
def test_one_changed_byte_is_enough(raw: bytes, place: int, change: int) -> None:
    headers, altered = signed(raw), bytearray(raw or b"x")
    altered[place % len(altered)] ^= change if raw else 0

    refused(bytes(altered), headers)


@given(raw=st.binary(), header=st.text())
def test_whatever_a_stranger_sends_is_a_bad_signature_and_nothing_else(raw: bytes, header: str) -> None:
    refused(raw, {webhook.HEADER: header})


@given(raw=st.binary(), parts=st.lists(st.tuples(st.sampled_from(["t", "v1", "v0", ""]), st.text())))
def test_whatever_looks_like_a_header_is_a_bad_signature(raw: bytes, parts: list[tuple[str, str]]) -> None:
    refused(raw, {webhook.HEADER: ",".join(f"{name}={value}" for name, value in parts)})


@given(signature=st.text(alphabet="0123456789abcdefABCDEFxyz=,", max_size=80))
def test_a_guessed_signature_with_the_right_stamp_is_refused(signature: str) -> None:
    refused(BODY, {webhook.HEADER: f"t={STAMP},v1={signature}"})


@pytest.mark.parametrize("header", [f"t={STAMP},v1=ünïcode", f"t={STAMP + 10**9},v1=…"])
def test_the_packages_own_check_would_not_do(header: str) -> None:
    """The twin of the refusals above, and why we check ourselves: Stripe's package raises something else on
    what anybody can send, and takes stamps of the future.
    """
    future = signed(stamp=STAMP + 10**9)[webhook.HEADER]

    with pytest.raises(TypeError):
        stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET, tolerance=None)
    assert stripe.WebhookSignature.verify_header(BODY.decode(), future, SECRET, tolerance=300)


# Values that JSON can hold, for bodies that are signed but are no events.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(raw=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_authentic_bytes_that_are_no_event_say_nothing(raw: bytes) -> None:
    assert webhook.parse(raw, "main") == ()


def test_a_body_nested_beyond_reason_says_nothing() -> None:
    assert webhook.parse(b"[" * 100_000, "main") == ()


def event(kind: str, about: dict[str, Any], **given: Any) -> bytes:
    whole = {"id": "evt_1", "type": kind, "created": STAMP, "livemode": False, "data": {"object": about}}
    return json.dumps({**whole, **given}).encode()


INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "created": STAMP,
    "currency": "usd",
    "amount_received": 59_999,
    "latest_charge": "ch_1",
    "metadata": {"payment_id": str(uuid4())},
}


@given(
    kind=st.sampled_from(sorted(TELLS)),
    changed=st.sampled_from([*INTENT, "last_payment_error", "amount"]),
    value=json_values,
)
def test_an_object_of_an_unknown_shape_raises_nothing(kind: str, changed: str, value: Any) -> None:
    for read in webhook.parse(event(kind, {**INTENT, changed: value}), "main"):
        assert read.kind == kind


def test_a_word_we_do_not_know_is_pending_and_an_unknown_event_says_nothing() -> None:
    odd = webhook.parse(event("payment_intent.succeeded", {**INTENT, "status": "levitating"}), "main")
    new = webhook.parse(event("payment_intent.levitated", INTENT), "main")

    assert [fact.kind for fact in odd[0].facts] == [FactKind.PENDING]
    assert (new[0].kind, new[0].facts) == ("payment_intent.levitated", ())


def test_an_event_of_a_stranger_has_no_owner_and_no_facts() -> None:
    for metadata in ({}, None, {"payment_id": "no uuid"}, {"payment_id": 5}):
        (read,) = webhook.parse(event("payment_intent.succeeded", {**INTENT, "metadata": metadata}), "main")

        assert (read.payment_id, read.facts) == (None, ())


def test_live_events_are_marked() -> None:
    (read,) = webhook.parse(event("payment_intent.succeeded", INTENT, livemode=True), "main")

    assert read.live


def test_a_method_that_settles_late_and_fails_ends_the_checkout() -> None:
    session = {**INTENT, "id": "cs_1", "object": "checkout.session", "status": "complete"}

    (read,) = webhook.parse(event("checkout.session.async_payment_failed", session), "main")

    assert [fact.kind for fact in read.facts] == [FactKind.FAILED]


@pytest.mark.row("WHK-01", partly="the route's answer is proved with the API")
async def test_the_real_events_of_a_story_say_exactly_what_moved(desk: Desk, order: MakeOrder) -> None:
    wished = order()
    opened = await desk.gateway.open_checkout(wished, op_key=key_of(wished))
    await desk.pay(opened, "visa_chargeDeclined")
    await desk.pay(opened)
    await desk.gateway.refund(opened.provider_ref, wished.amount, refund_id="r", op_key="r:refund:1")

    told: dict[str, list[FactKind]] = {}
    for delivery in await desk.told():
        await desk.gateway.verify(delivery.raw, delivery.headers, datetime.now(UTC))
        for read in desk.gateway.parse(delivery.raw):
            told.setdefault(read.kind, []).extend(fact.kind for fact in read.facts)

    moving = {kind: facts for kind, facts in told.items() if facts}
    assert moving == {
        "payment_intent.payment_failed": [FactKind.DECLINED],
        "payment_intent.succeeded": [FactKind.CAPTURED],
        "refund.created": [FactKind.REFUNDED],
        "charge.refunded": [FactKind.REFUNDED],
    }
    assert {"payment_intent.created", "charge.succeeded", "checkout.session.completed"} <= told.keys()


@pytest.mark.row("SEC-10")
@pytest.mark.parametrize("kind", ["webhook_wrong_secret", "webhook_stale"])
async def test_deliveries_with_a_foreign_secret_or_an_old_stamp_are_refused(
    desk: Desk, order: MakeOrder, kind: str
) -> None:
    await desk.account.break_down("*", kind, times=100)
    wished = order(hosted=False)
    await desk.gateway.open_checkout(wished, op_key=key_of(wished))

    deliveries = await desk.told()

    assert deliveries
    for delivery in deliveries:
        with pytest.raises(BadSignature):
            await desk.gateway.verify(delivery.raw, delivery.headers, datetime.now(UTC))


@pytest.mark.row("WHK-01", partly="the route's answer is proved with the API")
async def test_a_new_endpoints_deliveries_verify_beside_the_old_ones(
    desk: Desk,
    order: MakeOrder,
    account: Account,
    http: aiohttp.ClientSession,
    received: tuple[str, list[Delivery]],
) -> None:
    new_secret = await account.register(received[0])
    rotating = stripe_gateway(account, http, new_secret, desk.webhook_secret)
    wished = order(hosted=False)
    await rotating.open_checkout(wished, op_key=key_of(wished))

    deliveries = await desk.told()

    assert len(deliveries) == 2
    for delivery in deliveries:
        await rotating.verify(delivery.raw, delivery.headers, datetime.now(UTC))
    assert len({delivery.headers[webhook.HEADER] for delivery in deliveries}) == 2
