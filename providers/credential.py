"""What our accounts at payment providers are reached with: keys of one mode, and what their webhooks are
signed with, which may be several while one is rotated.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.bank import Payee, is_sound, without_blanks

ACCOUNT = "default"
NAME = r"^[A-Za-z0-9_-]{1,40}$"
HMAC_KEYS = r"^([0-9A-Fa-f]{2})+(,([0-9A-Fa-f]{2})+)*$"
LOGIN = r"^([^:]+:.+)?$"

Secret = Annotated[str, Field(min_length=1, repr=False)]


def account_number(text: str) -> str:
    """Check the number of a bank account (ISO 13616), given back without blanks."""
    number = without_blanks(text)
    if not is_sound(number):
        raise ValueError("its check digits are wrong")
    return number


def listed(text: str) -> tuple[str, ...]:
    """Take a list apart that is written with commas."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


class _Credential(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=NAME)] = ACCOUNT


class StripeCredential(_Credential):
    """An account at Stripe; its webhook's secrets by commas."""

    provider: Literal["stripe"] = "stripe"
    secret_key: Annotated[str, Field(pattern="^[sr]k_(test|live)_", repr=False)]
    publishable_key: Annotated[str, Field(pattern="^pk_(test|live)_")]
    webhook_secret: Secret

    @property
    def secrets(self) -> tuple[str, ...]:
        """What its webhooks may be signed with."""
        return listed(self.webhook_secret)

    @property
    def keys(self) -> tuple[str, ...]:
        """What says of which mode the account is."""
        return self.secret_key, self.publishable_key


class AdyenCredential(_Credential):
    """A merchant account at Adyen; the keys of its notifications in hexadecimal, by commas, and the name and
    password that they have to show, if any.
    """

    provider: Literal["adyen"] = "adyen"
    api_key: Secret
    merchant_account: Annotated[str, Field(min_length=1)]
    hmac_key: Annotated[str, Field(pattern=HMAC_KEYS, repr=False)]
    webhook_login: Annotated[str, Field(pattern=LOGIN, repr=False)] = ""
    client_key: Annotated[str, Field(pattern="^(test|live)_")]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What its notifications may be signed with."""
        return listed(self.hmac_key)

    @property
    def publishable_key(self) -> str:
        """What a buyer's browser shows."""
        return self.client_key

    @property
    def keys(self) -> tuple[str, ...]:
        """What says of which mode the account is."""
        return (self.client_key,)


class PayPalCredential(_Credential):
    """An account at PayPal, whose mode its address alone tells; its webhooks' ids by commas."""

    provider: Literal["paypal"] = "paypal"
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: Secret
    webhook_id: Annotated[str, Field(min_length=1)]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The webhooks that its deliveries may be signed for."""
        return listed(self.webhook_id)

    @property
    def publishable_key(self) -> str:
        """What a buyer's browser shows."""
        return self.client_id

    @property
    def keys(self) -> tuple[str, ...]:
        """What says of which mode the account is: nothing."""
        return ()


class BankCredential(_Credential):
    """Our own account at a bank, which transfers come to: whom buyers name, and its number."""

    provider: Literal["bank"] = "bank"
    holder: Annotated[str, Field(min_length=1, max_length=70)]
    iban: Annotated[str, AfterValidator(account_number)]
    bic: Annotated[str, Field(pattern=r"^[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$")]

    @property
    def payee(self) -> Payee:
        """Whom buyers pay."""
        return Payee(holder=self.holder, iban=self.iban, bic=self.bic)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What its deliveries may be signed with: a bank sends none."""
        return ()

    @property
    def publishable_key(self) -> str:
        """What a buyer's browser shows: nothing."""
        return ""

    @property
    def keys(self) -> tuple[str, ...]:
        """What says of which mode the account is: nothing."""
        return ()


Credential = Annotated[
    StripeCredential | AdyenCredential | PayPalCredential | BankCredential, Field(discriminator="provider")
]
LIST = TypeAdapter[tuple[Credential, ...]](tuple[Credential, ...])


def checked(text: str) -> str:
    """Check a JSON list of accounts; ValueError says where it does not fit, and quotes nothing."""
    try:
        read(text)
    except ValidationError as error:
        where = {"/".join(map(str, each["loc"])) or "the list" for each in error.errors(include_input=False)}
        raise ValueError(f"does not fit at {', '.join(sorted(where))}") from None
    return text


def read(text: str) -> tuple[Credential, ...]:
    """Read a JSON list of accounts. Raises ValidationError."""
    return LIST.validate_json(text)


def faults(further: Iterable[Credential], mode: str) -> Iterator[str]:
    """Tell what is wrong with accounts beside the main ones: a name that is taken, a key of another mode."""
    taken = {(provider, ACCOUNT) for provider in ("stripe", "adyen", "paypal")}
    for each in further:
        if (each.provider, each.name) in taken:
            yield f"there are two {each.provider}/{each.name}"
        if any(mode not in key.split("_")[:2] for key in each.keys):
            yield f"a key of {each.provider}/{each.name} is not of mode {mode}"
        taken.add((each.provider, each.name))
