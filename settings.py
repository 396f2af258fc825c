"""Every environment variable of Holdfast: typed, with its unit in its name, checked before anything starts.

Only worker.py and api/app.py read this, and wiring.py for both. Secrets have no defaults anywhere; production
takes no default address, no short secret and no test key, and nothing else takes a live key (DEP-09, DEP-10).
"""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from formats import (
    DatabaseUrl,
    Port,
    PrivateKey,
    Seconds,
    Secret,
    Url,
    networks,
    origins,
    public_keys,
    verification_keys,
)
from providers import credential
from providers.credential import (
    HMAC_KEYS,
    LOGIN,
    AdyenCredential,
    Credential,
    PayPalCredential,
    StripeCredential,
    listed,
)

SHORTEST_SECRET = 32


class SettingsInvalid(Exception):
    """Raised when the environment makes no working configuration: a line for each variable at fault."""


class Settings(BaseSettings):
    """The configuration of a process, from the environment; a field's variable is its name in capitals."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True, populate_by_name=True
    )

    holdfast_env: Literal["development", "test", "staging", "production"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otel_exporter_otlp_endpoint: str = Field("", description="where traces go; empty: nowhere")

    database_url: DatabaseUrl = Field(
        validation_alias=AliasChoices("DATABASE_URL", "POSTGRES_URL"),
        description="the owner of the schema: migrations only",
    )
    database_app_url: DatabaseUrl = Field(description="role holdfast_app: under row-level security")
    database_payment_url: DatabaseUrl = Field(
        description="role holdfast_payment: alone writes payment tables"
    )
    database_relay_url: DatabaseUrl = Field(description="role holdfast_relay: what is due, across tenants")
    database_readonly_url: DatabaseUrl = Field(description="role holdfast_readonly: reports and checks")
    database_pool_size: int = Field(4, ge=1, le=200, description="connections per role, and half for looks")
    database_statement_cache: bool = Field(default=True, description="false behind a transaction-mode pooler")

    temporal_address: str = Field("127.0.0.1:7233", pattern=r"^[^:/\s]+:\d+$", description="host:port")
    temporal_namespace: str = Field("default", min_length=1)
    temporal_ui_url: Url = Field("http://127.0.0.1:8233", description="for links shown to operators")
    queue_prefix: str = Field("", pattern=r"^[\w.-]*$", description="put in front of every task queue")

    api_host: str = Field("127.0.0.1", min_length=1)
    api_port: Port = 8000
    api_url: Url = Field("http://127.0.0.1:8000", description="where the outside world reaches the API")
    worker_metrics_port: Port = Field(9464, description="the Temporal SDK's metrics")
    worker_health_port: Port = Field(9465, description="the worker's own metrics and health")

    stripe_secret_key: Secret = Field(pattern="^[sr]k_(test|live)_")
    stripe_publishable_key: str = Field(pattern="^pk_(test|live)_")
    stripe_webhook_secret: Secret = Field(description="several, separated by commas, while one is rotated")
    stripe_api_base: Url = Field("http://127.0.0.1:8010/stripe")
    adyen_api_key: Secret
    adyen_merchant_account: str = Field(min_length=1)
    adyen_hmac_key: Secret = Field(
        pattern=HMAC_KEYS, description="hexadecimal; several, separated by commas, while one is rotated"
    )
    adyen_webhook_login: Secret = Field(
        "", pattern=LOGIN, description="name:password that notifications have to show; empty: none"
    )
    adyen_theme: str = Field("default", min_length=1, description="the theme of Adyen's hosted page")
    adyen_client_key: str = Field(pattern="^(test|live)_")
    adyen_api_base: Url = Field("http://127.0.0.1:8010/adyen/checkout")
    paypal_client_id: str = Field("", description="empty: nobody pays with PayPal here")
    paypal_client_secret: Secret = ""
    paypal_webhook_id: str = Field("", description="several, separated by commas, while one is replaced")
    paypal_roots: str = Field(
        "/etc/ssl/certs/ca-certificates.crt", description="PEM file: who certifies PayPal's webhooks"
    )
    paypal_api_base: Url = Field("http://127.0.0.1:8010/paypal")
    further_accounts: Annotated[Secret, AfterValidator(credential.checked)] = Field(
        "[]", description="a JSON list of more accounts at these providers, each with a name and its own keys"
    )
    mail_via: str = Field(
        "sendgrid",
        pattern="^(sendgrid|smtp)(,(sendgrid|smtp))?$",
        description="sendgrid, smtp, or both by a comma: the second when the first surely took nothing",
    )
    mail_api_key: Secret = Field(description="SendGrid's key")
    mail_from: str = Field("tickets@holdfast.example", pattern=r"^[^@\s]+@[^@\s]+$")
    sendgrid_webhook_key: Annotated[str, AfterValidator(verification_keys)] = Field(
        "",
        description="what its events are signed by; several, separated by commas, while one is replaced; "
        "empty: it tells us nothing",
    )
    sendgrid_api_base: Url = Field("http://127.0.0.1:8010/sendgrid")

    smtp_host: str = Field("127.0.0.1", min_length=1)
    smtp_port: Port = 8025
    smtp_user: str = Field("", description="empty: the server asks for no login")
    smtp_password: Secret = ""
    smtp_tls: Literal["tls", "starttls", "none"] = Field(
        "none", description="from the first byte, by STARTTLS, or none, which is not for production"
    )

    jwt_private_key: PrivateKey = Field(description="Ed25519 in PEM: signs user tokens")
    jwt_public_keys: Annotated[str, AfterValidator(public_keys)] = Field(
        "", description="further Ed25519 keys in PEM that are believed, while one is rotated"
    )
    jwt_issuer: str = Field("holdfast", min_length=1)
    ticket_private_key: PrivateKey = Field(description="Ed25519 in PEM: signs tickets")
    booking_token_secret: Secret = Field(
        min_length=SHORTEST_SECRET, description="signs booking access tokens"
    )
    field_keys: Secret = Field(
        pattern=r"^\w{1,16}:[0-9a-f]{64}(,\w{1,16}:[0-9a-f]{64})*$",
        description="seals personal data: name:64 hexadecimal digits, …; the first seals, all open",
    )
    payload_keys: Secret = Field(
        "",
        pattern=r"^(\w{1,16}:[0-9a-f]{64}(,\w{1,16}:[0-9a-f]{64})*)?$",
        description="seals what histories hold: name:64 hexadecimal digits, …; the first seals, all open",
    )
    codec_ticket: Secret = Field("", description="opens payloads to a UI without a login; not in production")

    hold_seconds: Seconds = Field(
        900, description="how long places are held, unless the offer says otherwise"
    )
    hold_grace_seconds: int = Field(120, ge=0, description="nobody takes overdue places with an open payment")
    payment_answer_seconds: Seconds = Field(8, description="then the API answers 202 instead of waiting on")
    webhook_tolerance_seconds: Seconds = Field(300, description="older signatures are refused")
    step_patience: int = Field(20, ge=1, description="tries of a step after which a person is told")
    worker_cached_runs: int = Field(5_000, ge=0, description="open runs that a worker remembers; each 80 KiB")
    provider_timeout_seconds: Seconds = Field(10, description="no call to a provider takes longer")
    provider_calls: int = Field(40, ge=1, description="calls at once to one account; half as many may wait")
    provider_failures: int = Field(5, ge=1, description="unanswered calls in a row: then it is left alone")
    provider_rest_seconds: float = Field(5, gt=0, description="for so long; then one call tries")
    sweep_seconds: Seconds = Field(60, description="how often what nobody has told us is asked for")
    rate_user: int = Field(100, ge=0, description="requests of a user or a booking's token; 0: no limit")
    rate_user_seconds: Seconds = 60
    rate_anonymous: int = Field(100, ge=0, description="requests of an address without one; 0: no limit")
    rate_anonymous_seconds: Seconds = 900
    rate_payments: int = Field(5, ge=0, description="attempts to pay from an address; 0: no limit")
    rate_payments_seconds: Seconds = 60
    rate_guesses: int = Field(10, ge=0, description="wrong payment links of an address; 0: no limit")
    rate_guesses_seconds: Seconds = 600
    review_attempts: int = Field(
        10, ge=0, description="attempts to pay from an address; a person looks at the next; 0: never"
    )
    review_attempts_seconds: Seconds = 600
    trusted_proxies: Annotated[str, AfterValidator(networks)] = Field(
        "", description="addresses or networks, by commas, whose X-Forwarded-For is believed"
    )
    cors_origins: Annotated[str, AfterValidator(origins)] = Field(
        "", description="origins of pages, by commas, that may read our answers"
    )
    body_seconds: Seconds = Field(10, description="a request's body must come whole within")
    idempotency_hours: int = Field(24, ge=1)
    max_body_bytes: int = Field(65_536, ge=1_024)
    max_webhook_bytes: int = Field(1_048_576, ge=1_024)

    def __init__(self, **values: Any) -> None:
        """Read the environment; SettingsInvalid names each variable that is missing or wrong."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsInvalid(_explained(error)) from None

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """What our accounts at payment providers are reached with, the main ones first."""
        return (*self._main_accounts(), *credential.read(self.further_accounts))

    @property
    def provider_apis(self) -> dict[str, str]:
        """The base addresses of payment providers."""
        return {"stripe": self.stripe_api_base, "adyen": self.adyen_api_base, "paypal": self.paypal_api_base}

    def _main_accounts(self) -> Iterator[Credential]:
        yield StripeCredential(
            secret_key=self.stripe_secret_key,
            publishable_key=self.stripe_publishable_key,
            webhook_secret=self.stripe_webhook_secret,
        )
        yield AdyenCredential(
            api_key=self.adyen_api_key,
            merchant_account=self.adyen_merchant_account,
            hmac_key=self.adyen_hmac_key,
            webhook_login=self.adyen_webhook_login,
            client_key=self.adyen_client_key,
        )
        if self.paypal_client_id:
            yield PayPalCredential(
                client_id=self.paypal_client_id,
                client_secret=self.paypal_client_secret,
                webhook_id=self.paypal_webhook_id,
            )

    @property
    def mail_services(self) -> tuple[str, ...]:
        """The services that letters are handed to, the preferred first."""
        return tuple(dict.fromkeys(listed(self.mail_via)))

    @property
    def sendgrid_webhook_keys(self) -> tuple[str, ...]:
        """The keys that SendGrid's events may be signed by."""
        return listed(self.sendgrid_webhook_key)

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The proxies whose word about a client's address counts."""
        return tuple(map(ip_network, listed(self.trusted_proxies)))

    @property
    def cors_allowed(self) -> tuple[str, ...]:
        """The origins whose pages may read our answers."""
        return listed(self.cors_origins)

    @model_validator(mode="after")
    def _fits_the_environment(self) -> Self:
        faults = [
            *self._mixed_modes(),
            *self._half_a_paypal(),
            *self._stray_accounts(),
            *(self._unfit() if self.holdfast_env == "production" else self._too_real()),
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _mixed_modes(self) -> Iterator[str]:
        """Whatever the environment: keys and addresses of one provider belong to one mode."""
        live = "_live_" in self.stripe_secret_key
        if live != ("_live_" in self.stripe_publishable_key):
            yield "STRIPE_PUBLISHABLE_KEY: is of another mode than STRIPE_SECRET_KEY"
        if live and self.stripe_api_base != "https://api.stripe.com":
            yield "STRIPE_API_BASE: a live STRIPE_SECRET_KEY goes to https://api.stripe.com only"
        live = self.adyen_client_key.startswith("live_")
        if live != _is_live_adyen(self.adyen_api_base):
            yield "ADYEN_API_BASE: is of another mode than ADYEN_CLIENT_KEY"

    def _open_smtp(self) -> Iterator[str]:
        """In production letters travel sealed, to a server that was named."""
        if self.smtp_tls == "none":
            yield "SMTP_TLS: must be tls or starttls in production"
        yield from _each(("smtp_host",), lambda name: name not in self.model_fields_set, UNGIVEN)

    def _half_a_paypal(self) -> Iterator[str]:
        """Whoever takes PayPal gives all that it needs."""
        if not self.paypal_client_id:
            return
        for name in ("paypal_client_secret", "paypal_webhook_id"):
            if not getattr(self, name):
                yield f"{name.upper()}: must be given with PAYPAL_CLIENT_ID"
        if not Path(self.paypal_roots).is_file():
            yield "PAYPAL_ROOTS: there is no such file"

    def _stray_accounts(self) -> Iterator[str]:
        """Further accounts have names of their own, and keys of the mode that everything is of."""
        further = credential.read(self.further_accounts)
        mode = "live" if self.holdfast_env == "production" else "test"
        yield from (f"FURTHER_ACCOUNTS: {fault}" for fault in credential.faults(further, mode))
        if any(each.provider == "paypal" for each in further) and not Path(self.paypal_roots).is_file():
            yield "PAYPAL_ROOTS: there is no such file"

    def _too_real(self) -> Iterator[str]:
        """Outside production no money moves."""
        if self.paypal_client_id and self.paypal_api_base == PAYPAL_LIVE:
            yield "PAYPAL_API_BASE: the live PayPal is for production only"
        yield from _each(
            KEYS, lambda name: "live_" in getattr(self, name), "a live key is for production only"
        )

    def _too_short(self, name: str) -> bool:
        return min(len(secret.strip()) for secret in getattr(self, name).split(",")) < SHORTEST_SECRET

    def _unfit(self) -> Iterator[str]:
        """In production nothing is left to a default, guessable, open or for trying out."""
        yield from _each(ADDRESSES, lambda name: name not in self.model_fields_set, UNGIVEN)
        yield from _each(SECRETS, self._too_short, TOO_SHORT)
        yield from _each(
            KEYS, lambda name: "test_" in getattr(self, name), "a test key is not for production"
        )
        yield from _each(
            OPEN, lambda name: not getattr(self, name).startswith("https:"), "must begin with https:"
        )
        if "smtp" in self.mail_services:
            yield from self._open_smtp()
        if not self.payload_keys:
            yield "PAYLOAD_KEYS: must be given in production"
        if self.codec_ticket:
            yield "CODEC_TICKET: is not for production: its UI has a login"
        if "sandbox" in self.paypal_api_base:
            yield "PAYPAL_API_BASE: PayPal's sandbox is not for production"
        if len({urlsplit(getattr(self, name)).username for name in DATABASES}) < len(DATABASES):
            yield "DATABASE_URL: each of the five database addresses needs a role of its own in production"


DATABASES = (
    "database_url",
    "database_app_url",
    "database_payment_url",
    "database_relay_url",
    "database_readonly_url",
)
PAYPAL_LIVE = "https://api-m.paypal.com"
PROVIDERS = ("stripe_api_base", "adyen_api_base", "paypal_api_base", "sendgrid_api_base")
OPEN = ("api_url", *PROVIDERS)
ADDRESSES = ("temporal_address", "temporal_ui_url", "mail_from", "jwt_issuer", *OPEN)
KEYS = ("stripe_secret_key", "stripe_publishable_key", "adyen_client_key")
SECRETS = ("stripe_secret_key", "stripe_webhook_secret", "adyen_api_key", "adyen_hmac_key", "mail_api_key")
UNGIVEN = "must be given in production"
TOO_SHORT = f"is shorter than {SHORTEST_SECRET} characters"


def _each(names: Iterable[str], wrong: Callable[[str], bool], why: str) -> Iterator[str]:
    return (f"{name.upper()}: {why}" for name in names if wrong(name))


def _is_live_adyen(base: str) -> bool:
    return (urlsplit(base).hostname or "").endswith(("-live.adyenpayments.com", "-live.adyen.com"))


def _explained(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        if not fault["loc"]:
            lines.append(fault["msg"].removeprefix("Value error, "))
            continue
        name = str(fault["loc"][0]).upper()
        text = "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        description = Settings.model_fields[name.lower()].description
        lines.append(f"{name}: {text}" + (f" ({description})" if description else ""))
    return "The environment does not fit:\n" + "\n".join(lines)
