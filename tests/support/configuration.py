"""The settings of a stack under test: everything is its own, and nothing waits or limits by default."""

import secrets
from functools import cache
from pathlib import Path

from devtools.inside import new_key
from settings import Settings
from tests.support import mail, paypal
from tests.support.database import Urls
from tests.support.sandbox import Account


def settings_of(
    urls: Urls,
    temporal_address: str,
    sandbox: Account,
    api_url: str,
    webhook_secret: str,
    paypal_roots: Path | None = None,
) -> Settings:
    """Write the settings of a stack of its own; without `paypal_roots` nobody pays with PayPal."""
    jwt_key, ticket_key = keys()
    return Settings(
        **{name.lower(): value for name, value in urls.environment.items()},
        holdfast_env="test",
        log_level="warning",
        database_pool_size=4,
        temporal_address=temporal_address,
        queue_prefix=f"t{secrets.token_hex(4)}-",
        api_url=api_url,
        stripe_secret_key=sandbox.key,
        stripe_publishable_key="pk_test_sandbox",
        stripe_webhook_secret=webhook_secret,
        stripe_api_base=f"{sandbox.url}/stripe",
        paypal_client_id=f"Ab{secrets.token_hex(16)}" if paypal_roots else "",
        paypal_client_secret=paypal.SECRET,
        paypal_webhook_id=paypal.WEBHOOK,
        paypal_roots=str(paypal_roots or "no file"),
        adyen_api_key=f"AQE{secrets.token_hex(16)}",
        adyen_merchant_account="Holdfast",
        adyen_hmac_key="00" * 32,
        adyen_client_key="test_of_no_use",
        adyen_api_base=f"{sandbox.url}/adyen/checkout",
        paypal_api_base=f"{sandbox.url}/paypal",
        mail_api_key=sandbox.mail_key,
        sendgrid_webhook_key=mail.shown(),
        sendgrid_api_base=f"{sandbox.url}/sendgrid",
        jwt_private_key=jwt_key,
        ticket_private_key=ticket_key,
        booking_token_secret="a secret for tests and nobody else",  # noqa: S106
        field_keys="k1:" + "17" * 32,
        hold_grace_seconds=1,
        rate_user=0,
        rate_anonymous=0,
        rate_payments=0,
        rate_guesses=0,
        review_attempts=0,
    )


@cache
def keys() -> tuple[str, str]:
    """Make the two signing keys of the run."""
    return new_key(), new_key()
