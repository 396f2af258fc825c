"""The page says what was taken, what was void and what was wrong, and nothing else."""

from typing import Any

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
    report.crowds["crowd-api"] = {"bookings": 321, "told": "60 s", "violations": ["I1: too many"]}
    report.faults["F5: all"] = {"told": "321 bookings", "violations": ["I5: told twice"]}

    page = [*report.page()]

    assert "| single crashes | 180: 42 taken, 12 void, 1 with violations |" in page
    assert "| double crashes | 60: 60 taken, 0 void, 0 with violations |" in page
    assert "| S6 + C3 | 4 | 4 | 4 | 4 |" in page
    assert "- P1 scheduled payout: there are no payouts yet." in page
    assert "| F5: all | 321 bookings | 1 |" in page
    assert "| api | 14 | 321 | 60 s | 1 |" in page
    assert "- crowd-api: I1: too many" in page
    assert "- S6b-api: I2: paid and no ticket" in page
    assert "- F5: all: I5: told twice" in page
    assert not any(str(PAGE.parent) in line for line in page)


@pytest.mark.parametrize("when", ["setup", "call"])
def test_a_test_that_came_to_no_verdict_is_on_the_page(pytestconfig: pytest.Config, when: Any) -> None:
    report = Report(pytestconfig)
    nodeid, error = "tests/crash/test_points.py::test_a_process[S6b-api]", "E   no port is free"
    noted: list[tuple[str, object]] = [("point", "S6b-api")]

    report.pytest_runtest_logreport(
        pytest.TestReport(nodeid, ("", 0, ""), {}, "failed", error, when, user_properties=noted)
    )

    assert report.points == {}
    assert report.violations() == ["- test_a_process[S6b-api] has failed: E   no port is free"]
