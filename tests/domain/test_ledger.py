"""Every posting sums to zero, and a booking's life leaves nothing owed to its buyer."""

from uuid import UUID

from hypothesis import given, strategies as st

from domain.ids import BookingId, PaymentId, RefundId
from domain.ledger import (
    CUSTOMER_DEPOSITS,
    REFUND_PAYABLE,
    Posting,
    booking_confirmed,
    payment_captured,
    provider_clearing,
    refund_completed,
    refund_decided,
)
from domain.money import Money

PAYMENT, BOOKING, REFUND = PaymentId(UUID(int=1)), BookingId(UUID(int=2)), RefundId(UUID(int=3))
CLEARING = provider_clearing("stripe", "default")

amounts = st.integers(min_value=1, max_value=10**10).map(lambda minor: Money(minor=minor, currency="EUR"))


def balance(postings: list[Posting], account: str) -> int:
    return sum(
        entry.amount.minor for posting in postings for entry in posting.entries if entry.account == account
    )


@given(amounts, st.integers(min_value=0, max_value=10_000))
def test_a_sale_sums_to_zero_and_owes_the_buyer_nothing(amount: Money, fee: int) -> None:
    postings = [payment_captured(PAYMENT, "ch_1", CLEARING, amount), booking_confirmed(BOOKING, amount, fee)]

    for posting in postings:
        assert sum(entry.amount.minor for entry in posting.entries) == 0
    assert balance(postings, CUSTOMER_DEPOSITS) == 0
    assert balance(postings, CLEARING) == amount.minor


@given(amounts)
def test_late_money_that_went_back_leaves_no_balance_anywhere(amount: Money) -> None:
    postings = [
        payment_captured(PAYMENT, "ch_1", CLEARING, amount),
        refund_decided(REFUND, amount, {}),
        refund_completed(REFUND, "re_1", CLEARING, amount),
    ]

    for account in (CLEARING, CUSTOMER_DEPOSITS, REFUND_PAYABLE):
        assert balance(postings, account) == 0


@given(amounts, st.integers(min_value=0, max_value=10_000), st.lists(st.integers(min_value=1), max_size=5))
def test_who_has_earned_a_booking_gives_all_of_it_back_in_however_many_parts(
    amount: Money, fee: int, parts: list[int]
) -> None:
    earned = {
        entry.account: -entry.amount.minor
        for entry in booking_confirmed(BOOKING, amount, fee).entries
        if entry.amount.minor < 0
    }
    left = amount.minor
    for part in [*parts, amount.minor]:
        given_back = Money(minor=min(part, left), currency="EUR")
        if not given_back:
            continue
        posting = refund_decided(REFUND, given_back, earned)

        assert sum(entry.amount.minor for entry in posting.entries) == 0
        for entry in posting.entries:
            if entry.account in earned:
                earned[entry.account] -= entry.amount.minor
        assert min(earned.values()) >= 0
        left -= given_back.minor

    assert set(earned.values()) == {0}


def test_what_nobody_has_earned_comes_from_the_buyers_deposits() -> None:
    posting = refund_decided(REFUND, Money(minor=100, currency="EUR"), {"organizer_payable:pending": 30})

    assert {entry.account: entry.amount.minor for entry in posting.entries} == {
        "organizer_payable:pending": 30,
        CUSTOMER_DEPOSITS: 70,
        REFUND_PAYABLE: -100,
    }


def test_a_free_booking_posts_no_empty_entry() -> None:
    assert booking_confirmed(BOOKING, Money(minor=0, currency="EUR"), 500).entries == ()
