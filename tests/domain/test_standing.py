"""Every word of the earlier applications for where a payment stands has one meaning here."""

import pytest

from domain.payment import PaymentStatus
from domain.refund import standing_after
from domain.standing import WORDS, Standing, Vocabulary, meant

# As the earlier applications write them.
S0 = ["pending", "authorized", "captured", "failed", "cancelled", "refunded", "partially_refunded"]
S2 = ["PENDING", "PROCESSING", "COMPLETED", "FAILED", "REFUNDED"]
S4 = ["pending", "paid", "failed", "refunded", "requires_action"]


@pytest.mark.row("PAY-27")
@pytest.mark.parametrize(
    ("vocabulary", "words"), [(Vocabulary.S0, S0), (Vocabulary.S2, S2), (Vocabulary.S4, S4)]
)
def test_each_word_of_the_sources_means_one_standing(vocabulary: Vocabulary, words: list[str]) -> None:
    assert {*WORDS[vocabulary]} == {*words}
    assert None not in {meant(vocabulary, word) for word in words}
    assert meant(vocabulary, "no such word") is None


@pytest.mark.row("PAY-27")
def test_what_is_stored_and_what_is_derived_are_all_standings() -> None:
    derived = {standing_after("captured", 100, refunded) for refunded in (0, 30, 100)}

    assert {status.value for status in PaymentStatus} | derived <= {standing.value for standing in Standing}


@pytest.mark.parametrize(
    ("vocabulary", "word"),
    [(Vocabulary.S0, "captured"), (Vocabulary.S2, "COMPLETED"), (Vocabulary.S4, "paid")],
)
def test_money_taken_is_captured_whatever_they_call_it(vocabulary: Vocabulary, word: str) -> None:
    assert meant(vocabulary, word) is Standing.CAPTURED
