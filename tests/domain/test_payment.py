"""Facts of a payment in any order and number add up to the same state."""

from datetime import UTC, datetime
from itertools import permutations, product
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import (
    MOVES,
    FactKind,
    FactSource,
    PaymentFact,
    PaymentReport,
    PaymentState,
    PaymentStatus,
    fold,
    reduce,
)

ASKED = Money(minor=4500, currency="EUR")
PAYMENT = PaymentId(UUID("0198c0de-0000-7000-8000-000000000001"))
NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)


def fact(
    kind: FactKind,
    operation: str = "",
    minor: int | None = None,
    currency: str = "EUR",
    code: str | None = None,
) -> PaymentFact:
    return PaymentFact(
        event_id=f"{kind}:{operation}:{minor}:{currency}",
        provider="stripe",
        account="default",
        payment_id=PAYMENT,
        kind=kind,
        provider_ref="pi_1",
        operation=operation,
        amount=None if minor is None else Money(minor=minor, currency=currency),
        occurred_at=NOON,
        source=FactSource.WEBHOOK,
        decline_code=code,
    )


FACTS = st.builds(
    fact,
    st.sampled_from(FactKind),
    st.sampled_from(["ch_1", "ch_2", "re_1"]),
    st.sampled_from([None, 4500, 4500, 1000]),
    st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
    st.sampled_from([None, "insufficient_funds", "expired_card"]),
)


@pytest.mark.row("WHK-07", partly="the five events' whole way through HTTP comes with the saga issue")
@given(st.lists(FACTS, max_size=12), st.randoms())
def test_any_order_and_repetition_of_the_same_facts_ends_in_the_same_state(
    facts: list[PaymentFact], chance: object
) -> None:
    shuffled = [*facts, *facts]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert fold(ASKED, shuffled) == fold(ASKED, facts)


def test_all_orders_of_the_five_facts_of_a_payment_end_captured_once() -> None:
    told = [
        fact(FactKind.PENDING),
        fact(FactKind.DECLINED, "ch_1", code="insufficient_funds"),
        fact(FactKind.PROCESSING),
        fact(FactKind.CAPTURED, "ch_2", 4500),
        fact(FactKind.REFUNDED, "re_1", 1500),
    ]

    ends = {fold(ASKED, order).model_dump_json() for order in permutations(told)}

    assert len(ends) == 1
    end = PaymentState.model_validate_json(ends.pop())
    assert (end.status, end.captured_minor, end.refunded_minor, len(end.declines)) == (
        PaymentStatus.CAPTURED,
        4500,
        1500,
        1,
    )


@pytest.mark.parametrize(("minor", "currency"), [(4499, "EUR"), (4501, "EUR"), (4500, "USD")])
def test_money_that_is_not_what_we_asked_for_is_a_conflict(minor: int, currency: str) -> None:
    assert fold(ASKED, [fact(FactKind.CAPTURED, "ch_1", minor, currency)]).status is PaymentStatus.CONFLICTED


def test_money_that_is_taken_twice_is_a_conflict_in_either_order() -> None:
    charges = [fact(FactKind.CAPTURED, "ch_1", 4500), fact(FactKind.CAPTURED, "ch_2", 4500)]

    for order in permutations(charges):
        state = fold(ASKED, order)

        assert (state.status, state.captured_minor) == (PaymentStatus.CONFLICTED, 9000)


def test_a_decline_counts_once_per_operation_and_leaves_the_checkout_open() -> None:
    state = fold(
        ASKED,
        [fact(FactKind.DECLINED, "ch_1"), fact(FactKind.DECLINED, "ch_1"), fact(FactKind.DECLINED, "ch_2")],
    )

    assert len(state.declines) == 2
    assert state.status is PaymentStatus.PENDING


@pytest.mark.row("PAY-27")
@pytest.mark.parametrize(("one", "other"), [*product(PaymentStatus, repeat=2)])
def test_of_two_states_one_may_become_the_other_and_all_that_it_may_become(
    one: PaymentStatus, other: PaymentStatus
) -> None:
    """It is why facts may come in any order."""
    assert (other in MOVES[one]) + (one in MOVES[other]) == (one is not other)
    assert other not in MOVES[one] or MOVES[other] < MOVES[one]


@pytest.mark.row("PAY-27")
@pytest.mark.parametrize(("status", "kind"), [*product(PaymentStatus, FactKind)])
@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_a_fact_makes_only_the_moves_of_the_table(
    status: PaymentStatus, kind: FactKind, currency: str
) -> None:
    before = PaymentState(asked=ASKED, status=status)

    after = reduce(before, fact(kind, "op_1", 4500, currency))

    assert after.status is status or after.status in MOVES[status]


def test_money_in_another_currency_is_counted_in_that_currency() -> None:
    dollars, told_again = (
        fact(FactKind.CAPTURED, "ch_1", 4500, "USD"),
        fact(FactKind.CAPTURED, "ch_1", 4400, "USD"),
    )

    for order in permutations([dollars, told_again, fact(FactKind.PROCESSING)]):
        state = fold(ASKED, order)

        assert state.status is PaymentStatus.CONFLICTED
        assert (state.captured_minor, state.captured_currency) == (4500, "USD")


def test_a_later_word_never_lowers_a_stronger_one() -> None:
    captured = fold(ASKED, [fact(FactKind.CAPTURED, "ch_1", 4500)])

    assert reduce(captured, fact(FactKind.CANCELLED)).status is PaymentStatus.CAPTURED


@pytest.mark.parametrize(
    ("status", "captured_minor", "held"),
    [
        (PaymentStatus.AUTHORIZED, 0, True),
        (PaymentStatus.CONFLICTED, 0, True),  # less was held than was asked for
        (PaymentStatus.CONFLICTED, 1000, False),  # less was taken
        (PaymentStatus.CAPTURED, 4500, False),
        (PaymentStatus.CANCELLED, 0, False),
        (PaymentStatus.PENDING, 0, False),
    ],
)
def test_money_may_be_held_that_was_not_taken_whatever_its_amount(
    status: PaymentStatus, captured_minor: int, held: bool
) -> None:
    report = PaymentReport(
        payment_id=PAYMENT, status=status, currency="EUR", asked_minor=4500, captured_minor=captured_minor
    )

    assert report.may_be_held is held
