"""News of a payment × where its booking stands: every cell, and what must hold for all of them."""

from itertools import product

import pytest

from domain.booking import BookingStatus
from domain.settlement import Consequence, News, Standing, consequence, without_a_run

C, N, S = Consequence, News, Standing
MEANT = {
    N.SUCCESS: (C.CONFIRM, C.NOTHING, C.RETAKE, C.REFUND),
    N.REPEATED: (C.NOTHING, C.NOTHING, C.NOTHING, C.NOTHING),
    N.SECOND: (C.REFUND, C.REFUND, C.REFUND, C.REFUND),
    N.DECLINED: (C.COUNT, C.NOTHING, C.NOTHING, C.NOTHING),
    N.PENDING: (C.WAIT, C.NOTHING, C.NOTHING, C.NOTHING),
    N.REVERSED: (C.WAIT, C.ASK_A_PERSON, C.ASK_A_PERSON, C.ASK_A_PERSON),
    N.CONFLICTED: (C.ASK_A_PERSON, C.REFUND, C.REFUND, C.REFUND),
    N.LAPSED: (C.RELEASE, C.ASK_A_PERSON, C.NOTHING, C.NOTHING),
    N.GIVEN_BACK: (C.CANCEL, C.CANCEL, C.NOTHING, C.NOTHING),
    N.PARTLY_GIVEN_BACK: (C.NOTHING, C.NOTHING, C.NOTHING, C.NOTHING),
    N.REFUND_RETURNED: (C.NOTHING, C.OWE, C.OWE, C.OWE),
}


@pytest.mark.parametrize(("news", "standing"), [*product(News, Standing)])
def test_every_cell_says_what_is_meant(news: News, standing: Standing) -> None:
    assert consequence(news, standing) is MEANT[news][[*Standing].index(standing)]


@pytest.mark.parametrize("standing", [Standing.LOST, Standing.CANCELLED])
@pytest.mark.parametrize("news", [News.SUCCESS, News.SECOND, News.CONFLICTED])
def test_money_without_a_ticket_never_stays(news: News, standing: Standing) -> None:
    assert consequence(news, standing) in (Consequence.RETAKE, Consequence.REFUND)


@pytest.mark.parametrize("status", BookingStatus)
def test_what_is_being_given_back_is_not_taken_again(status: BookingStatus) -> None:
    ended = status in (
        BookingStatus.CANCELLED,
        BookingStatus.REFUNDING,
        BookingStatus.REFUNDED,
        BookingStatus.CANCELLING,
        BookingStatus.REJECTED,
    )
    if ended:
        assert consequence(News.SUCCESS, without_a_run(status)) is Consequence.REFUND
