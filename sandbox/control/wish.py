"""What may be asked of the control API, as shapes."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sandbox.later import LaterName


class Wish(BaseModel):
    """Anything asked of the control API; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Reset(Wish):
    """Forget an account by its key, or everything."""

    account: str | None = None


class Advance(Wish):
    """Move an account's clock, or all clocks, and wait for the deliveries that causes."""

    seconds: float = Field(gt=0, le=10 * 366 * 24 * 3600)
    account: str | None = None
    wait_seconds: float = Field(default=60, ge=0, le=60)


class Wait(Wish):
    """How long to wait at most."""

    seconds: float = Field(default=60, ge=0, le=60)


class Seed(Wish):
    """The seed of accounts that are made from now on."""

    seed: int = Field(ge=0, lt=2**63)


class Retries(Wish):
    """Seconds between delivery attempts; null for each provider's own ladder."""

    retry_seconds: list[Annotated[float, Field(ge=0, le=10**6)]] | None = Field(max_length=50)


class Trouble(Wish):
    """A fault to order; with a `rate` it strikes by chance. What the other five mean depends on the kind."""

    provider: str = "*"
    account: str | None = None
    route: str = Field(default="*", max_length=500)
    kind: str
    times: int = Field(default=1, ge=1, le=10**9)
    seconds: float | None = Field(default=None, ge=0, le=10**6)
    status: int | None = Field(default=None, ge=400, le=599)
    n: int | None = Field(default=None, ge=1, le=100)
    rate: float | None = Field(default=None, gt=0, le=1)
    saved: bool | None = None
    effect: bool | None = None

    def detail(self) -> dict[str, float]:
        """Return what was said of the last six."""
        said = {"seconds", "status", "n", "rate", "saved", "effect"}
        return self.model_dump(include=said, exclude_none=True)


class Retold(Wish):
    """What an event is to say instead, by dotted paths such as `data.object.amount`."""

    changes: dict[str, Any] = Field(default={}, max_length=20)


class Purchase(Wish):
    """What a buyer types: number, token or name of a test card, or IBAN, token or name of a bank account; or
    with whom they pay `later`.
    """

    card: str = "4242424242424242"
    iban: str | None = None
    later: LaterName | None = None
    email: str | None = "buyer@example.com"
    name: str | None = "Test Buyer"
    after_expiry: bool = False


class Bank(Wish):
    """How long banks take to tell what came of a direct debit."""

    settle_seconds: int = Field(ge=0, le=365 * 24 * 3600)


class Captures(Wish):
    """Whether holds are taken in several parts."""

    several: bool


class Verdict(Wish):
    """What the bank says of a direct debit; null for what its test account is made for."""

    succeeds: bool | None = None


class Reply(Wish):
    """How the buyer meets the challenge."""

    code: str = "123456"


class Hook(Wish):
    """An endpoint with a secret of the caller's choice, instead of one made by the provider's own API: for an
    account's events, or for those of its payees.
    """

    url: str = Field(pattern=r"^https?://[^\s]+$", max_length=2000)
    secret: str = Field(min_length=8, max_length=200)
    types: list[str] = Field(default=["*"], min_length=1, max_length=300)
    of_payees: bool = False


class Objection(Wish):
    """Why a buyer's bank wants money back; an inquiry only asks, and moves none."""

    reason: str = Field(default="fraudulent", max_length=100)
    inquiry: bool = False


class Ruling(Wish):
    """Whom a buyer's bank decides for."""

    won: bool


class Return(Wish):
    """How much goes back, in minor units; null for all that is left."""

    amount: int | None = Field(default=None, gt=0)


class Closing(Wish):
    """Whose batch is to be closed."""

    merchant: str = Field(min_length=1, max_length=80)
