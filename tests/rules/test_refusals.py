"""Every way of saying no has a status, a title and a name for programs."""

import pytest

from api import problem
from domain import refusal

LEAVES = [kind for kind in refusal.kinds().values() if not kind.__subclasses__()]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_status_and_a_title(kind: type[refusal.Refusal]) -> None:
    status, title = problem.REFUSALS[kind]

    assert 400 <= status < 500
    assert title[0].isupper()
