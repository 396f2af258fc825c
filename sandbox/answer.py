"""What goes back over the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    """An answer to an API call, ready to be sent, or saved and replayed."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
