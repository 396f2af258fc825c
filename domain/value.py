"""The one base of everything that travels between floors, processes and histories."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value.

    Unknown fields are ignored, so that an older reader understands a newer writer; new fields get defaults.
    """

    model_config = ConfigDict(frozen=True)
