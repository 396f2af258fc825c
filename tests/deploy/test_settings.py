"""The environment is checked whole before anything starts (DEP-09, DEP-10)."""

import json
import os
from collections.abc import Mapping

import pytest

from settings import Settings, SettingsInvalid
from tests.deploy.given import DEVELOPMENT, LONG, PEM, PRODUCTION
from tests.support import mail


def load(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str]) -> Settings:
    """Load the settings from an environment of just `values`."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.row("DEP-10")
@pytest.mark.parametrize("name", DEVELOPMENT)
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    values = {given: value for given, value in DEVELOPMENT.items() if given != name}

    with pytest.raises(SettingsInvalid, match=f"^.*\n{name}: is missing") as refused:
        load(monkeypatch, values)

    assert len(str(refused.value).splitlines()) == 2  # nothing else is at fault


@pytest.mark.row("DEP-10")
def test_a_variable_that_is_empty_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsInvalid, match="MAIL_API_KEY: is missing"):
        load(monkeypatch, {**DEVELOPMENT, "MAIL_API_KEY": ""})


def test_the_database_may_be_named_as_the_sources_do(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {name: value for name, value in DEVELOPMENT.items() if name != "DATABASE_URL"}

    settings = load(monkeypatch, {**values, "POSTGRES_URL": DEVELOPMENT["DATABASE_URL"]})

    assert settings.database_url == DEVELOPMENT["DATABASE_URL"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://me:word@host/holdfast"),
        ("API_PORT", "65536"),
        ("API_PORT", "http"),
        ("HOLD_SECONDS", "0"),
        ("TEMPORAL_ADDRESS", "temporal"),
        ("STRIPE_SECRET_KEY", "pk_test_" + LONG),
        ("ADYEN_HMAC_KEY", "not hexadecimal"),
        ("JWT_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
        ("JWT_PUBLIC_KEYS", PEM),
        ("TICKET_PRIVATE_KEY", "secret"),
        ("BOOKING_TOKEN_SECRET", "open-sesame"),
        ("HOLDFAST_ENV", "live"),
        ("PAYLOAD_KEYS", f"k1:{LONG},{LONG}"),
        ("MAIL_VIA", "pigeon"),
        ("MAIL_VIA", "smtp,sendgrid,smtp"),
        ("SENDGRID_WEBHOOK_KEY", "no key"),
        ("SENDGRID_WEBHOOK_KEY", f"{mail.shown()},{LONG}"),
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SettingsInvalid, match=f"\n{name}: ") as refused:
        load(monkeypatch, {**DEVELOPMENT, name: value})

    assert value not in str(refused.value)


@pytest.mark.row("SEC-07")
def test_no_secret_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = repr(load(monkeypatch, DEVELOPMENT))

    assert LONG not in printed.replace(DEVELOPMENT["STRIPE_PUBLISHABLE_KEY"], "").replace(
        DEVELOPMENT["ADYEN_CLIENT_KEY"], ""
    )
    assert "word@" not in printed


def test_a_key_may_be_written_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**DEVELOPMENT, "JWT_PRIVATE_KEY": PEM.replace("\n", "\\n")})

    assert settings.jwt_private_key == PEM


def test_several_webhook_secrets_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch, {**DEVELOPMENT, "STRIPE_WEBHOOK_SECRET": f"whsec_old{LONG}, whsec_new{LONG}"}
    )

    assert settings.credentials[0].secrets == (f"whsec_old{LONG}", f"whsec_new{LONG}")


def test_letters_may_go_over_two_services_and_events_be_signed_by_two_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = f"{mail.shown()}, {mail.shown()}"
    given = {"MAIL_VIA": "smtp,sendgrid", "SENDGRID_WEBHOOK_KEY": keys}

    settings = load(monkeypatch, {**DEVELOPMENT, **given})

    assert settings.mail_services == ("smtp", "sendgrid")
    assert settings.sendgrid_webhook_keys == (mail.shown(), mail.shown())


@pytest.mark.row("DEP-09")
def test_in_production_letters_go_to_a_server_that_was_named_and_never_in_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = {**PRODUCTION, "MAIL_VIA": "smtp"}
    load(monkeypatch, {**over, "SMTP_HOST": "mail.example.com", "SMTP_TLS": "starttls"})

    with pytest.raises(SettingsInvalid) as refused:
        load(monkeypatch, over)

    assert {line.partition(":")[0] for line in str(refused.value).splitlines()[1:]} == {
        "SMTP_HOST",
        "SMTP_TLS",
    }


@pytest.mark.row("DEP-09")
def test_production_takes_what_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, PRODUCTION).holdfast_env == "production"


@pytest.mark.row("DEP-09")
@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("STRIPE_SECRET_KEY", "sk_test_" + LONG, "a test key is not for production"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_" + LONG, "a test key is not for production"),
        ("ADYEN_CLIENT_KEY", "test_" + LONG, "a test key is not for production"),
        ("ADYEN_API_BASE", "https://checkout-test.adyen.com", "is of another mode"),
        ("STRIPE_API_BASE", "http://127.0.0.1:8010/stripe", "goes to https://api.stripe.com only"),
        ("PAYPAL_API_BASE", "https://api-m.sandbox.paypal.com", "sandbox is not for production"),
        ("API_URL", "http://tickets.example.com", "must begin with https"),
        ("MAIL_API_KEY", "SG.short", "is shorter than 32"),
        ("STRIPE_WEBHOOK_SECRET", f"whsec_{LONG},whsec_short", "is shorter than 32"),
        ("DATABASE_APP_URL", PRODUCTION["DATABASE_URL"], "needs a role of its own"),
        ("TEMPORAL_ADDRESS", "", "must be given in production"),
        ("TEMPORAL_UI_URL", "", "must be given in production"),
        ("API_URL", "", "must be given in production"),
        ("JWT_ISSUER", "", "must be given in production"),
        ("MAIL_FROM", "", "must be given in production"),
        ("SENDGRID_API_BASE", "", "must be given in production"),
        ("PAYLOAD_KEYS", "", "must be given in production"),
        ("CODEC_TICKET", LONG, "is not for production"),
    ],
)
def test_production_refuses(monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str) -> None:
    with pytest.raises(SettingsInvalid, match=why):
        load(monkeypatch, {**PRODUCTION, name: value})


@pytest.mark.row("DEP-09")
@pytest.mark.parametrize("environment", ["development", "test", "staging"])
@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "ADYEN_CLIENT_KEY"])
def test_a_live_key_is_refused_elsewhere(
    monkeypatch: pytest.MonkeyPatch, environment: str, name: str
) -> None:
    values = {**DEVELOPMENT, "HOLDFAST_ENV": environment, name: PRODUCTION[name]}

    with pytest.raises(SettingsInvalid, match=f"{name}: a live key is for production only"):
        load(monkeypatch, values)


SECOND = {
    "stripe": {"secret_key": "sk_{}_" + LONG, "publishable_key": "pk_{}_" + LONG, "webhook_secret": LONG},
    "adyen": {
        "api_key": LONG,
        "merchant_account": "Events",
        "hmac_key": f"{LONG},{LONG}",
        "client_key": "{}_" + LONG,
    },
    "paypal": {"client_id": LONG, "client_secret": LONG, "webhook_id": "A,B"},
}


AT_THE_BANK = {"holder": "Events", "iban": "DE89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX"}


def further(provider: str, mode: str = "test", **changed: str) -> dict[str, str]:
    keys = {name: value.replace("{}", mode) for name, value in SECOND[provider].items()}
    return {"provider": provider, "name": "second", **keys, **changed}


def with_further(*accounts: Mapping[str, str]) -> dict[str, str]:
    return {"FURTHER_ACCOUNTS": json.dumps(accounts), "PAYPAL_ROOTS": __file__}


@pytest.mark.row("PAY-42")
def test_further_accounts_stand_beside_the_main_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**DEVELOPMENT, **with_further(*map(further, SECOND))})

    assert [(each.provider, each.name) for each in settings.credentials] == [
        *(("stripe", "default"), ("adyen", "default")),
        *(("stripe", "second"), ("adyen", "second"), ("paypal", "second")),
    ]
    assert [each.secrets for each in settings.credentials[-2:]] == [(LONG, LONG), ("A", "B")]


def test_an_account_at_a_bank_is_named_to_buyers_by_its_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**DEVELOPMENT, **with_further({"provider": "bank", **AT_THE_BANK})})

    (account,) = (each for each in settings.credentials if each.provider == "bank")
    assert account.payee.iban == "DE89370400440532013000"
    assert (account.name, account.secrets, account.publishable_key) == ("default", (), "")


@pytest.mark.row("DEP-09")
@pytest.mark.parametrize(
    ("environment", "accounts", "why"),
    [
        (DEVELOPMENT, [further("stripe", "live")], "a key of stripe/second is not of mode test"),
        (DEVELOPMENT, [further("adyen", "live")], "a key of adyen/second is not of mode test"),
        (DEVELOPMENT, [further("stripe", publishable_key="pk_live_1")], "stripe/second is not of mode test"),
        (PRODUCTION, [further("stripe")], "a key of stripe/second is not of mode live"),
        (PRODUCTION, [further("adyen")], "a key of adyen/second is not of mode live"),
        (DEVELOPMENT, [further("stripe", name="default")], "there are two stripe/default"),
        (DEVELOPMENT, [further("paypal"), further("paypal")], "there are two paypal/second"),
        (DEVELOPMENT, [further("stripe", name="a/b")], "does not fit at 0/stripe/name"),
        (DEVELOPMENT, [further("stripe", colour="red")], "does not fit at 0/stripe/colour"),
        (DEVELOPMENT, [{"provider": "gold"}], "does not fit at 0"),
        (DEVELOPMENT, [{"provider": "bank", **AT_THE_BANK, "iban": "DE88"}], "does not fit at 0/bank/iban"),
    ],
)
def test_further_accounts_of_another_mode_or_of_a_taken_name_are_refused(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], accounts: list[dict[str, str]], why: str
) -> None:
    with pytest.raises(SettingsInvalid, match=f"\nFURTHER_ACCOUNTS: .*{why}") as refused:
        load(monkeypatch, {**environment, **with_further(*accounts)})

    assert LONG not in str(refused.value)


def test_a_paypal_account_needs_the_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsInvalid, match="PAYPAL_ROOTS: there is no such file"):
        load(monkeypatch, {**DEVELOPMENT, **with_further(further("paypal")), "PAYPAL_ROOTS": "/nowhere"})
