"""What a refund is called, when it is asked about, and where it may go."""

from datetime import timedelta

import pytest

from domain.refund import PAUSES, SOURCES, RefundStatus, pause, standing_after


@pytest.mark.row("PAY-13", partly="the sums and the route")
def test_what_has_failed_stays_so_and_what_is_completed_may_only_fail() -> None:
    leaves = {
        status: {after for after, before in SOURCES.items() if status in before} for status in RefundStatus
    }

    assert leaves[RefundStatus.FAILED] == set()
    assert leaves[RefundStatus.COMPLETED] == {RefundStatus.FAILED}
    assert leaves[RefundStatus.PENDING] == set(RefundStatus) - {RefundStatus.PENDING}
    assert {status for status in RefundStatus if status.is_final} == {
        RefundStatus.COMPLETED,
        RefundStatus.FAILED,
    }


def test_the_provider_is_asked_ever_more_seldom_and_never_given_up() -> None:
    asked = [pause(looks) for looks in range(1, 10)]

    assert asked == sorted(asked)
    assert asked[0] == timedelta(minutes=1)
    assert asked[len(PAUSES) :] == [timedelta(days=1)] * (9 - len(PAUSES))


@pytest.mark.row("PAY-13", partly="the sums and the route")
@pytest.mark.parametrize(
    ("captured", "refunded", "called"),
    [(0, 0, "captured"), (100, 0, "captured"), (100, 30, "partially_refunded"), (100, 100, "refunded")],
)
def test_a_payment_is_called_after_what_went_back_of_it(captured: int, refunded: int, called: str) -> None:
    assert standing_after("captured", captured, refunded) == called
