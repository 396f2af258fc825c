"""One call: whose it is, what it asks for, and what it is answered."""

from dataclasses import dataclass, field

from sandbox.adyen.error import foreign_merchant
from sandbox.record import Json
from sandbox.work import Work


@dataclass
class Call:
    """A judged request within its turn of work; `params` are the body's fields or the query's."""

    work: Work
    ids: tuple[str, ...]
    params: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the id in the path."""
        return self.ids[0]

    def merchant_of(self, about: Json) -> str:
        """Return the merchant account that is asked for, or raise if what it is about is another's."""
        merchant: str = self.params["merchantAccount"]
        if about.get("merchant", merchant) != merchant:
            raise foreign_merchant()
        return merchant


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its body (of a file its `text`), and the pspReference its header tells."""

    body: Json | None
    status: int = 200
    psp: str | None = None
    text: str | None = None
