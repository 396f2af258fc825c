"""Every way a payment does not go through says with what to try again."""

import pytest

from domain.decline import Again, Decline, again, decline_of

# What PAY-29 names must be there, under these very names.
NAMED = {
    "card_declined": Again.OTHER,
    "insufficient_funds": Again.OTHER,
    "authentication_required": Again.AUTHENTICATED,
    "authentication_failed": Again.OTHER,
    "network_error": Again.SAME,
    "gateway_unavailable": Again.LATER,
}


@pytest.mark.parametrize("decline", Decline)
def test_every_decline_says_whether_and_with_what_to_try_again(decline: Decline) -> None:
    assert again(decline) is not Again.NO
    assert again(decline, attempts_left=0) is Again.NO


@pytest.mark.row("PAY-29", partly="the table of each provider's codes; the hints: tests/api")
@pytest.mark.parametrize(("code", "expected"), NAMED.items())
def test_the_named_codes_are_there(code: str, expected: Again) -> None:
    assert again(Decline(code)) is expected


@pytest.mark.parametrize("stored", [None, "", "declined", "a word of a later release"])
def test_a_word_that_is_none_of_ours_was_declined(stored: str | None) -> None:
    assert decline_of(stored) is Decline.CARD_DECLINED
