"""What the sandbox remembers: flat records with an id, an owner and a time, kept as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

Json = dict[str, Any]


@dataclass(kw_only=True)
class Record:
    """Anything an account owns that has an id of its own; its fields are plain JSON values."""

    kind: ClassVar[str]

    id: str
    account: str
    created: int

    @property
    def parent(self) -> str | None:
        """Return the id of what this belongs to, by which it can be listed."""
        return None


class NotFound(Exception):
    """Raised when an account has no record of that kind and id."""

    def __init__(self, kind: str, record_id: str) -> None:
        super().__init__(f"No such {kind}: {record_id}")
        self.kind, self.record_id = kind, record_id


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """Return the entries of `before` that `after` tells differently: what webhooks call previous."""
    return {name: value for name, value in before.items() if name in after and after[name] != value}
