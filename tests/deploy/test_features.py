"""docs/features.md says what the tests prove, and the tests name rows that exist."""

from pathlib import Path

import pytest

from devtools import features
from devtools.features import Proof
from devtools.say import Trouble

AREAS = {"SAG": {"title": "The saga", "rows": {"01": "One", "02": "Two", "03": "Three"}}}


def proof(missing: str | None = None) -> Proof:
    """Make a proof by some test."""
    return Proof(Path("tests/test_it.py"), "test_it", missing)


def test_all_rows_of_the_specification_are_there() -> None:
    rows = features.rows_of(features.areas())

    assert len(rows) == 370
    assert all(words and "|" not in words for words in rows.values())


def test_the_tests_name_rows_that_exist() -> None:
    assert features.proofs().keys() <= features.rows_of(features.areas()).keys()


def test_the_page_is_up_to_date() -> None:
    features.write(check=True)


def test_marks_are_found_on_functions_classes_modules_and_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_it.py").write_text(
        'pytestmark = pytest.mark.row("SAG-01")\n'
        '@pytest.mark.row("SAG-02", "SAG-03", partly="the rest")\n'
        "async def test_one(): ...\n"
        '@pytest.mark.row("SAG-02")\n'
        "class TestMore:\n"
        '    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.row("SAG-03"))])\n'
        "    def test_two(self): ...\n"
    )
    monkeypatch.setattr(features, "ROOT", tmp_path)
    monkeypatch.setattr(features, "TESTS", tmp_path)

    found = features.proofs()

    file = Path("test_it.py")
    assert found == {
        "SAG-01": [Proof(file, "test_it", None)],
        "SAG-02": [Proof(file, "test_one", "the rest"), Proof(file, "TestMore", None)],
        "SAG-03": [Proof(file, "test_one", "the rest"), Proof(file, "test_two", None)],
    }


def test_a_row_is_open_partly_or_done() -> None:
    proven = {"SAG-02": [proof("the rest"), proof("the start")], "SAG-03": [proof(), proof("the rest")]}

    assert [features.state(row, proven) for row in features.rows_of(AREAS)] == ["open", "partly", "done"]
    assert features.summary(AREAS, proven) == "3 rows: 1 done, 1 partly, 1 open"
    assert "| SAG-02 | Two | ◐ partly |" in features.page(AREAS, proven)
    assert features.page(AREAS, proven).count("missing: ") == 2


def test_a_mark_of_an_unknown_row_is_refused() -> None:
    with pytest.raises(Trouble, match="SAG-99"):
        features.summary(AREAS, {"SAG-99": [proof()]})
