"""Events in a provider's words, and the endpoints that want them."""

from dataclasses import dataclass, field
from typing import ClassVar

from sandbox.record import Json, Record


@dataclass(kw_only=True)
class Endpoint(Record):
    """Where an account wants to be told of events."""

    kind: ClassVar[str] = "endpoint"

    url: str
    secret: str
    types: list[str] = field(default_factory=list)
    enabled: bool = True
    about: Json = field(default_factory=dict)

    def wants(self, event_type: str) -> bool:
        """Return whether events of this type go here."""
        return self.enabled and ("*" in self.types or event_type in self.types)


@dataclass(kw_only=True)
class Event(Record):
    """Something that happened, in the words of the provider; `body` is sent as it stands."""

    kind: ClassVar[str] = "event"

    type: str
    body: str
