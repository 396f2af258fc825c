"""Reads docker-compose.yml as Compose does, as far as our rules need: anchors, merges and variables."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")


def load() -> dict[str, Any]:
    """Answer the compose file with its variables still in it."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return whole


def example() -> dict[str, str]:
    """Answer deploy/example.env: each variable with its value, empty where one must be given."""
    lines = (ROOT / "deploy" / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Answer a text with its variables replaced; KeyError for one that must be given and is not."""

    def value(found: re.Match[str]) -> str:
        name, kind, word = found.groups()
        if values.get(name):
            return values[name]
        if kind == ":-":
            return str(word)
        raise KeyError(name)

    return VARIABLE.sub(value, text)


def variables(text: str) -> set[str]:
    """Answer the names of all variables in a text."""
    return {found[1] for found in VARIABLE.finditer(text)}
