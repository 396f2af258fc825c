"""One call of Stripe's API on its way to the function that answers it."""

from dataclasses import dataclass
from typing import Any

from sandbox.record import Json
from sandbox.stripe.error import invalid
from sandbox.work import Work

METADATA_KEYS, METADATA_NAME, METADATA_VALUE = 50, 40, 500


@dataclass
class Call:
    """The work it may do, what stands in its path, its judged parameters and whose key it carries."""

    work: Work
    path: tuple[str, ...]
    params: dict[str, Any]
    secret: bool = True

    @property
    def id(self) -> str:
        """Return the id in the path."""
        return self.path[0]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter; one that was unset with an empty string counts as not given."""
        value = self.params.get(name)
        return default if value is None or value == "" else value

    def metadata(self, before: dict[str, str] | None = None, name: str = "metadata") -> dict[str, str]:
        """Return metadata after this call: given keys replace, empty values remove."""
        given = self.params.get(name)
        return merged(before or {}, {} if given is None else given, name)


def merged(before: dict[str, str], given: Json | str, name: str = "metadata") -> dict[str, str]:
    """Return `before` changed by `given` as Stripe does, within its limits."""
    if isinstance(given, str):
        return {}
    for key, value in given.items():
        if len(key) > METADATA_NAME:
            raise invalid(f"Metadata keys must be at most {METADATA_NAME} characters: {key[:60]}", name)
        if len(value) > METADATA_VALUE:
            raise invalid(
                f"Metadata values must be at most {METADATA_VALUE} characters, but {key} has {len(value)}.",
                f"{name}[{key}]",
            )
    after = {key: value for key, value in {**before, **given}.items() if value != ""}
    if len(after) > METADATA_KEYS:
        raise invalid(f"Metadata can only have up to {METADATA_KEYS} keys.", name)
    return after
