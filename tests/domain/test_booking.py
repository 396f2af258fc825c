"""A booking moves as its table says, and in no other way."""

from itertools import product

import pytest
from hypothesis import given, strategies as st

from domain.booking import ENDED, MOVES, OPEN, BookingStatus, Trigger, move, sources
from domain.refusal import IllegalMove

# The only ways out of an end: late money, goodwill, or an event that was cancelled.
OUT_OF_AN_END = {Trigger.MONEY_GOES_BACK, Trigger.LATE_MONEY_HONOURED}


@pytest.mark.row("SAG-06")
@pytest.mark.parametrize(("state", "trigger"), [*product(BookingStatus, Trigger)])
def test_every_pair_moves_as_the_table_says_or_is_refused(state: BookingStatus, trigger: Trigger) -> None:
    if (state, trigger) in MOVES:
        assert move(state, trigger) is MOVES[state, trigger]
        assert state.value in sources(trigger)
        return

    with pytest.raises(IllegalMove) as no:
        move(state, trigger)
    assert no.value.facts == {"status": state.value, "trigger": trigger.value}
    assert state.value not in sources(trigger)


@given(st.lists(st.sampled_from(Trigger), max_size=40))
def test_no_sequence_of_triggers_leaves_an_end_but_by_money(triggers: list[Trigger]) -> None:
    state = BookingStatus.INITIATED
    for trigger in triggers:
        before = state
        try:
            state = move(state, trigger)
        except IllegalMove:
            continue
        assert before not in ENDED or trigger in OUT_OF_AN_END


def test_every_state_can_be_reached() -> None:
    reached, edge = {BookingStatus.INITIATED}, {BookingStatus.INITIATED}
    while edge:
        edge = {after for (state, _), after in MOVES.items() if state in edge} - reached
        reached |= edge

    assert reached == set(BookingStatus)


def test_every_trigger_moves_something() -> None:
    assert {trigger for _, trigger in MOVES} == set(Trigger)


def test_open_and_ended_share_no_state_and_rejected_is_final() -> None:
    assert not OPEN & ENDED
    assert not [trigger for (state, trigger) in MOVES if state is BookingStatus.REJECTED]
