"""Events in a provider's words, and the endpoints that want them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sandbox.record import Json, Record


@dataclass(kw_only=True)
class Endpoint(Record):
    """Where an account wants to be told of events: of its own, or of those of its payees (`of_payees`)."""

    kind: ClassVar[str] = "endpoint"

    url: str
    secret: str
    types: list[str] = field(default_factory=list)
    enabled: bool = True
    of_payees: bool = False
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

    def retold(self, event_id: str, changes: Mapping[str, Any]) -> str:
        """Return the text with other values at dotted paths such as `data.object.amount`, told as an event of
        another id; KeyError for a path that leads nowhere.
        """
        told = json.loads(self.body)
        if told.get("id") == self.id:
            told["id"] = event_id
        for path, value in changes.items():
            *way, last = path.split(".")
            place = told
            for step in way:
                place = place[int(step) if isinstance(place, list) else step]
            if last not in place:
                raise KeyError(path)
            place[last] = value
        return json.dumps(told)
