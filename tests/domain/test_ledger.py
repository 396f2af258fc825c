"""Every posting sums to zero, and a booking's life leaves nothing owed to its buyer."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from domain.dispute import FundsMoved
from domain.ids import BookingId, DisputeId, PaymentId, RefundId
from domain.ledger import (
    CUSTOMER_DEPOSITS,
    REFUND_PAYABLE,
    Posting,
    booking_confirmed,
    dispute_lost,
    dispute_moved,
    payment_captured,
    provider_clearing,
    refund_completed,
    refund_decided,
)
from domain.money import Money
from domain.split import Portion, Share

PAYMENT, BOOKING, REFUND = PaymentId(UUID(int=1)), BookingId(UUID(int=2)), RefundId(UUID(int=3))
DISPUTE, NOW = DisputeId(UUID(int=4)), datetime(2026, 9, 1, tzinfo=UTC)
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


SHARES = (Share(vendor="boat", basis_points=6_000, commission_basis_points=1_000),)
DIVIDED = (
    Portion(vendor="boat", payee="BA1", amount=Money(minor=5_400, currency="EUR")),
    Portion(amount=Money(minor=4_600, currency="EUR")),
)


def test_vendors_earn_their_shares_and_the_platform_its_commissions() -> None:
    posting = booking_confirmed(BOOKING, Money(minor=10_000, currency="EUR"), 500, SHARES)

    assert sides(posting) == {
        CUSTOMER_DEPOSITS: 10_000,
        "vendor_payable:boat": -5_400,
        "organizer_payable:pending": -3_800,
        "platform_fee": -800,
    }


def test_what_a_provider_divided_lies_with_the_vendors_and_comes_back_from_there() -> None:
    whole = Money(minor=10_000, currency="EUR")
    taken = payment_captured(PAYMENT, "psp", CLEARING, whole, DIVIDED)
    given_back = refund_completed(REFUND, "psp", CLEARING, whole, DIVIDED)

    held = {CLEARING: 4_600, "vendor_clearing:stripe:default": 5_400}
    assert sides(taken) == {**held, CUSTOMER_DEPOSITS: -10_000}
    assert sides(given_back) == {REFUND_PAYABLE: 10_000, **{each: -minor for each, minor in held.items()}}


def test_what_nobody_has_earned_comes_from_the_buyers_deposits() -> None:
    posting = refund_decided(REFUND, Money(minor=100, currency="EUR"), {"organizer_payable:pending": 30})

    assert {entry.account: entry.amount.minor for entry in posting.entries} == {
        "organizer_payable:pending": 30,
        CUSTOMER_DEPOSITS: 70,
        REFUND_PAYABLE: -100,
    }


def test_a_free_booking_posts_no_empty_entry() -> None:
    assert booking_confirmed(BOOKING, Money(minor=0, currency="EUR"), 500).entries == ()


def moved(reference: str, minor: int, fee: int) -> FundsMoved:
    return FundsMoved(
        reference=reference,
        amount=Money(minor=minor, currency="EUR"),
        fee=Money(minor=fee, currency="EUR"),
        occurred_at=NOW,
    )


def sides(posting: Posting) -> dict[str, int]:
    return {entry.account: entry.amount.minor for entry in posting.entries}


TAKEN, BACK = moved("txn_1", -10_000, 2_000), moved("txn_2", 10_000, -2_000)


def test_what_a_dispute_takes_is_a_claim_and_its_fee_is_spent() -> None:
    posting = dispute_moved(DISPUTE, TAKEN, CLEARING)

    assert sides(posting) == {"dispute_receivable": 10_000, "dispute_fee_expense": 2_000, CLEARING: -12_000}
    assert posting.external_ref == "txn_1"


def test_what_comes_back_of_a_dispute_is_the_same_the_other_way_round() -> None:
    taken, back = (sides(dispute_moved(DISPUTE, each, CLEARING)) for each in (TAKEN, BACK))

    assert {account: -minor for account, minor in taken.items()} == back


@pytest.mark.parametrize(
    ("earned", "unearned"),
    [
        ({"organizer_payable:pending": 9_500, "platform_fee": 500}, 0),
        ({"organizer_payable:pending": 3_000}, 7_000),
        ({}, 10_000),
    ],
)
def test_what_is_lost_is_given_by_who_has_earned_it(earned: dict[str, int], unearned: int) -> None:
    posting = dispute_lost(DISPUTE, 1, Money(minor=10_000, currency="EUR"), earned)

    deposits = {"customer_deposits": unearned} if unearned else {}
    assert sides(posting) == {**earned, **deposits, "dispute_receivable": -10_000}
