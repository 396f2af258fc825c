"""The page says what was taken, what was void and what was wrong, and nothing else."""

import pytest

from tests.crash.point import Point, pairs, singles
from tests.crash.report import PAGE, Report


def test_the_page_tells_what_the_run_has_found(pytestconfig: pytest.Config) -> None:
    report = Report(pytestconfig)
    taken: tuple[Point, ...] = (*singles(("api",)), *pairs())
    for point in taken:
        if not point.void:
            report.points[point.name] = {"seconds": 4.2, "violations": []}
    report.points["S6b-api"]["violations"] = ["I2: paid and no ticket"]
    report.crowds["crowd-api"] = {"bookings": 321, "seconds": 60.4, "violations": ["I1: too many"]}
    report.faults.append(("F5", "10 times", "passed"))

    page = [*report.page()]

    assert "| single crashes | 180: 42 taken, 12 void, 1 with violations |" in page
    assert "| double crashes | 60: 60 taken, 0 void, 0 with violations |" in page
    assert "| S6 + C3 | 4 | 4 | 4 | 4 |" in page
    assert "- P1 scheduled payout: there are no payouts yet." in page
    assert "| F5 | 10 times | passed |" in page
    assert "| api | 14 | 321 | 60 | 1 |" in page
    assert "- crowd-api: I1: too many" in page
    assert "- S6b-api: I2: paid and no ticket" in page
    assert not any(str(PAGE.parent) in line for line in page)
