"""What a buyer reads when a payment did not go through, and what a buyer never reads."""

import re
from datetime import timedelta
from typing import Any

import pytest

from api.decline import EXHAUSTED, GUIDANCE, LANGUAGES, preferred, told
from db.payment import fold
from domain.decline import Decline
from domain.ids import PaymentId
from domain.payment import FactKind
from providers.adyen_gateway import decline as adyen_words
from providers.stripe_gateway import decline as stripe_words
from tests.api.conftest import Door
from tests.api.test_look import found
from tests.support.shop import fact_of, keep, pay
from tests.support.stack import Booked, Stack, bearer

# The five languages that are asked for (NOT-09).
ASKED_FOR = {"en", "de", "nl", "es", "fr"}
# Words of providers and banks that would tell a thief, or anybody, too much.
TELLTALE = re.compile(
    r"lost card|stolen|fraud|gestohlen|betrug|gestolen|robad|volée|fraude|stripe|issuer", re.IGNORECASE
)

LOST = "4000000000009987"


@pytest.mark.row("PAY-29", partly="each provider's table of codes: tests/providers")
class TestGuidance:
    @pytest.mark.parametrize("language", sorted(ASKED_FOR))
    @pytest.mark.parametrize("decline", Decline)
    def test_every_code_has_a_sentence_in_every_language(self, decline: Decline, language: str) -> None:
        sentence = told(decline, language).guidance

        assert sentence.endswith(".")
        assert sentence == GUIDANCE[decline.value][language]
        assert not TELLTALE.search(sentence)

    @pytest.mark.parametrize("language", sorted(ASKED_FOR))
    @pytest.mark.parametrize("decline", Decline)
    def test_without_an_attempt_left_nobody_is_sent_to_try_again(
        self, decline: Decline, language: str
    ) -> None:
        last = told(decline, language, attempts_left=0)

        assert (last.retry, last.guidance) == ("no", EXHAUSTED[language])
        assert last.guidance != told(decline, language).guidance

    def test_no_two_codes_and_no_two_languages_say_the_same(self) -> None:
        sentences = [sentence for each in GUIDANCE.values() for sentence in each.values()]

        assert len(set(sentences)) == len(Decline) * len(ASKED_FOR) == len(sentences)
        assert ASKED_FOR == LANGUAGES
        assert {*GUIDANCE} == {*Decline}


TABLES = {"stripe": stripe_words.WORDS, "adyen": adyen_words.WORDS}
# What gives a thief away must read like any other decline.
SUSPECTED = re.compile(r"lost|stolen|fraud|pickup_card|restricted_card|merchant_blacklist|security")


@pytest.mark.row("PAY-29")
@pytest.mark.parametrize("provider", TABLES)
def test_every_word_of_a_provider_has_one_code_and_a_hint_in_every_language(provider: str) -> None:
    for word, decline in TABLES[provider].items():
        hints = [told(decline, language).guidance for language in sorted(ASKED_FOR)]

        assert all(hints), word
        assert not any(TELLTALE.search(hint) for hint in hints), word
        if SUSPECTED.search(word):
            assert decline is Decline.CARD_DECLINED, word


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("ja, fr;q=0.3, nl;q=0.8", "nl"),
        ("es;q=0, fr", "fr"),
        ("fr;q=oops, es;q=0.1", "es"),
        ("*", None),
        ("ja", None),
        ("", None),
        (";;,,;q=", None),
        ("x" * 10_000, None),
    ],
)
def test_the_language_is_the_most_wanted_that_we_have(header: str, language: str | None) -> None:
    assert preferred(header) == language


async def declined(door: Door, booking: Booked, code: str, *, reason: str, at: int = 0) -> PaymentId:
    """Let a bank decline a try to pay, so many seconds into next week."""
    row = await found(door, booking)
    await keep(door.databases.app, row)
    payment_id = await pay(door.databases.payment, row, kind=FactKind.PENDING)
    fact = fact_of(row, payment_id, FactKind.DECLINED)
    said = {
        "decline_code": code,
        "decline_reason": reason,
        "occurred_at": fact.occurred_at + timedelta(seconds=at),
    }
    async with door.databases.payment.tenant(row.tenant_id) as connection:
        await fold.record(connection, row.tenant_id, payment_id, [fact.model_copy(update=said)])
    return payment_id


async def read(door: Door, booking: Booked, **headers: str) -> dict[str, Any]:
    answer = await door.get(f"/bookings/{booking.id}", {**bearer(booking.token), **headers})
    seen: dict[str, Any] = answer.json()
    return seen


class TestABooking:
    async def test_the_last_decline_is_told_with_what_to_do(self, door: Door) -> None:
        booking = await door.book()
        assert (await read(door, booking))["decline"] is None
        await declined(door, booking, "incorrect_cvc", reason="incorrect_cvc", at=1)
        await declined(door, booking, "card_declined", reason="stolen_card", at=2)
        await declined(door, booking, "expired_card", reason="expired_card", at=0)

        seen = await read(door, booking)

        assert seen["decline"] == {
            "code": "card_declined",
            "retry": "other",
            "guidance": "The card was declined. Please try another card or another way to pay.",
        }
        assert "stolen" not in str(seen)

    async def test_it_is_told_in_the_readers_language_else_in_the_bookings(self, door: Door) -> None:
        booking = await door.book(locale="nl-BE")
        await declined(door, booking, "expired_card", reason="expired_card")

        dutch, french, none = [
            (await read(door, booking, **headers))["decline"]["guidance"]
            for headers in ({}, {"Accept-Language": "fr-CA, en;q=0.1"}, {"Accept-Language": "ja"})
        ]

        assert dutch == none == GUIDANCE["expired_card"]["nl"]
        assert french == GUIDANCE["expired_card"]["fr"]

    async def test_without_an_attempt_left_there_is_nothing_to_try(self, door: Door) -> None:
        booking = await door.book()
        for at in range(5):
            await declined(door, booking, "card_declined", reason="generic_decline", at=at)

        seen = await read(door, booking)

        assert (seen["attempts_left"], seen["decline"]["retry"]) == (0, "no")


@pytest.mark.row("PAY-29", partly="each provider's table of codes: tests/providers")
async def test_confirming_a_declined_payment_says_why_and_what_to_do(stack: Stack) -> None:
    booking = await stack.book(locale="de")
    checkout = await stack.checkout(booking)
    await stack.sandbox.pay(checkout["payment_url"], LOST)

    answer = await stack.confirm(booking, checkout["payment_id"])

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (402, "payment_declined")
    assert (problem["reason"], problem["retry"]) == ("card_declined", "other")
    assert problem["guidance"] == GUIDANCE["card_declined"]["de"]
    assert not TELLTALE.search(answer.text)
    reasons = "select decline_reason from payment_operations where kind = 'declined'"
    assert await stack.value(reasons) == "lost_card"


@pytest.mark.row("PAY-29", partly="each provider's table of codes: tests/providers")
async def test_a_wish_to_pay_that_meets_nobody_says_that_it_goes_on(door: Door) -> None:
    booking = await door.book()

    answer = await door.http.post(
        f"/api/v1/bookings/{booking.id}/payments",
        json={"return_url": "http://door.test/return"},
        headers={**bearer(booking.token), "Idempotency-Key": "k", "Accept-Language": "es"},
    )

    problem = answer.json()
    assert (answer.status_code, problem["reason"], problem["retry"]) == (503, "network_error", "same")
    assert problem["guidance"] == GUIDANCE["network_error"]["es"]
