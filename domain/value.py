"""The one base of everything that travels between floors, processes and histories."""

from typing import NewType

from pydantic import BaseModel, ConfigDict

# A text of a person's that was sealed at the door (`providers/seal.py`), and is opened nowhere else.
Sealed = NewType("Sealed", str)


class Value(BaseModel):
    """A frozen value.

    Unknown fields are ignored, so that an older reader understands a newer writer; new fields get defaults.
    """

    model_config = ConfigDict(frozen=True)
