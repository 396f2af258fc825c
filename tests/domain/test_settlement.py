"""What a fact is news of, and what must hold for the whole table of news and standings."""

import pytest

from domain.booking import BookingStatus, without_a_run
from domain.payment import FactKind, PaymentReport, PaymentStatus
from domain.settlement import Consequence, News, Standing, consequence, moves_after_the_end, news_of
from tests.domain.test_payment import PAYMENT, fact


def report(status: PaymentStatus) -> PaymentReport:
    taken = 4500 if status is PaymentStatus.CAPTURED else 0
    return PaymentReport(
        payment_id=PAYMENT, status=status, currency="EUR", asked_minor=4500, captured_minor=taken
    )


@pytest.mark.parametrize(
    ("kind", "known", "nothing"),
    [
        (FactKind.CAPTURED, report(PaymentStatus.CAPTURED), True),
        (FactKind.CAPTURED, report(PaymentStatus.PENDING), False),
        (FactKind.CAPTURED, None, False),
        (FactKind.AUTHORIZED, None, False),
        (FactKind.DECLINED, None, True),
        (FactKind.PENDING, None, True),
        (FactKind.EXPIRED, None, True),
        (FactKind.REFUNDED, report(PaymentStatus.CAPTURED), False),
        (FactKind.REFUND_FAILED, report(PaymentStatus.CAPTURED), False),
    ],
)
def test_only_news_of_money_is_worth_handing_on(
    kind: FactKind, known: PaymentReport | None, nothing: bool
) -> None:
    assert moves_after_the_end(fact(kind, "op", 4500), known) is not nothing


@pytest.mark.parametrize(
    ("kind", "counted", "captured", "standing", "news"),
    [
        (FactKind.CAPTURED, False, 0, Standing.HELD, News.SUCCESS),
        (FactKind.CAPTURED, True, 4500, Standing.HELD, News.REPEATED),
        (FactKind.CAPTURED, False, 4500, Standing.LOST, News.SECOND),
        (FactKind.AUTHORIZED, False, 0, Standing.PURCHASED, News.SECOND),
        (FactKind.FAILED, False, 0, Standing.HELD, News.LAPSED),
        (FactKind.FAILED, True, 4500, Standing.PURCHASED, News.REVERSED),
        (FactKind.FAILED, False, 4500, Standing.PURCHASED, News.LAPSED),
        (FactKind.REFUNDED, False, 4500, Standing.PURCHASED, News.GIVEN_BACK),
        (FactKind.REFUNDED, False, 9000, Standing.PURCHASED, News.PARTLY_GIVEN_BACK),
        (FactKind.REFUND_FAILED, False, 4500, Standing.LOST, News.REFUND_RETURNED),
        (FactKind.REQUIRES_ACTION, False, 0, Standing.HELD, News.PENDING),
    ],
)
def test_a_fact_is_news_by_what_was_counted_and_where_the_booking_stands(
    kind: FactKind, counted: bool, captured: int, standing: Standing, news: News
) -> None:
    assert news_of(fact(kind, "op", 4500), standing, counted=counted, captured_minor=captured) is news


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
