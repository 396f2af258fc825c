"""The web assets in the checkout are those that vendor.json names, byte for byte."""

import hashlib
import json

import pytest

from devtools.vendor import ASSETS, FOLDER, MANIFEST

ENTRIES = json.loads(MANIFEST.read_text())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_a_vendored_file_is_unchanged(entry: dict[str, str]) -> None:
    assert hashlib.sha256((FOLDER / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


def test_every_file_is_named_with_its_licence() -> None:
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}

    assert there - {MANIFEST.name} == {entry["file"] for entry in ENTRIES}
    assert all(entry["licence"] for entry in ENTRIES)
    assert {(entry["name"], entry["version"]) for entry in ENTRIES} == {
        (a.package, a.version) for a in ASSETS
    }
