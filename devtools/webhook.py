"""Tells the sandbox where our webhooks are: Stripe's by its own interface, which makes the signing secret up,
Adyen's and PayPal's with the key or id that we have chosen, SendGrid's with a key of its own.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from devtools.choice import Choice
from devtools.paths import STATE
from devtools.say import Trouble

ROOTS = STATE / "paypal_roots.pem"
FILE = STATE / "stripe_endpoint.json"

# What the adapters read something from. Of one payment everything would be four events instead of one: Stripe
# advises against it (docs.stripe.com/webhooks, best practices).
STRIPE_EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "transfer.created",
    "transfer.reversed",
    "transfer.updated",
)
SENDGRID_EVENTS = ("bounce", "deferred", "delivered", "dropped", "spamreport")


def register(choice: Choice) -> None:
    """Have all our providers tell us, where they are the sandbox's."""
    register_at_stripe(choice)
    if not choice.given("ADYEN_API_BASE"):
        register_at_adyen(choice)
    register_at_paypal(choice)
    register_at_sendgrid(choice)


def register_at_adyen(choice: Choice) -> None:
    """Have Adyen's notifications come to our present address, signed with ADYEN_HMAC_KEY."""
    _listen(choice, "adyen", choice.values["ADYEN_API_KEY"], choice.values["ADYEN_HMAC_KEY"])


def register_at_paypal(choice: Choice) -> None:
    """Have PayPal's events come to our present address, signed for PAYPAL_WEBHOOK_ID under its root.

    At a PayPal that is not our sandbox's only what the caller has set counts.
    """
    if choice.given("PAYPAL_API_BASE"):
        for name in ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID"):
            choice.values[name] = choice.given(name) or ""
        return
    _listen(choice, "paypal", choice.values["PAYPAL_CLIENT_ID"], choice.values["PAYPAL_WEBHOOK_ID"])
    root = f"{choice.values['PAYPAL_API_BASE']}/v1/notifications/certs/ROOT"
    try:
        with urllib.request.urlopen(root, timeout=10) as answer:
            ROOTS.write_bytes(answer.read())
    except OSError as error:
        raise Trouble(f"The sandbox gives no root certificate: {error}") from None
    choice.values["PAYPAL_ROOTS"] = str(ROOTS)


def register_at_sendgrid(choice: Choice) -> None:
    """Have SendGrid's events come to our present address, and take the key that they are signed by.

    At a SendGrid that is not our sandbox's only what the caller has set counts.
    """
    if choice.given("SENDGRID_API_BASE"):
        choice.values["SENDGRID_WEBHOOK_KEY"] = choice.given("SENDGRID_WEBHOOK_KEY") or ""
        return
    key = choice.values["MAIL_API_KEY"]
    _listen(choice, "sendgrid", key, key, types=SENDGRID_EVENTS)
    asked = urllib.request.Request(
        f"{choice.values['SENDGRID_API_BASE']}/v3/user/webhooks/event/settings",
        headers={"Authorization": f"Bearer {key}"},
    )
    choice.values["SENDGRID_WEBHOOK_KEY"] = _send(asked)["public_key"]


def _listen(
    choice: Choice, provider: str, account: str, secrets: str, *, types: tuple[str, ...] = ("*",)
) -> None:
    """Register our present address with the sandbox, under the first of the secrets."""
    wish = {
        "types": types,
        "url": f"{choice.values['API_URL']}/api/v1/webhooks/{provider}",
        "secret": secrets.partition(",")[0],
    }
    path = f"/_sandbox/accounts/{account}/endpoints"
    _send(
        urllib.request.Request(
            choice.values["SANDBOX_URL"] + path,
            method="PUT",
            data=json.dumps(wish).encode(),
            headers={"Content-Type": "application/json"},
        )
    )


def register_at_stripe(choice: Choice) -> None:
    """Set STRIPE_WEBHOOK_SECRET to that of an endpoint for our present address, registered if need be.

    Stripe tells the secret in the answer of the registration only, so it is kept with the endpoint's id.
    """
    if given := choice.given("STRIPE_WEBHOOK_SECRET"):
        choice.values["STRIPE_WEBHOOK_SECRET"] = given
        return
    if choice.given("STRIPE_API_BASE"):
        raise Trouble(
            "STRIPE_API_BASE is not our sandbox's: set STRIPE_WEBHOOK_SECRET too, as Stripe shows it."
        )
    url = f"{choice.values['API_URL']}/api/v1/webhooks/stripe"
    known = _known()
    exists = bool(known) and _exists(choice, known["id"])
    if not (exists and known["url"] == url and known["enabled_events"] == [*STRIPE_EVENTS]):
        if exists:  # the API has moved, or reads other events: nobody listens there any more
            _ask(choice, f"/v1/webhook_endpoints/{known['id']}", method="DELETE")
        wish = {"url": url, "enabled_events[]": STRIPE_EVENTS}
        known = _ask(choice, "/v1/webhook_endpoints", method="POST", form=wish)
        FILE.touch(mode=0o600)
        FILE.write_text(json.dumps(known))
    choice.values["STRIPE_WEBHOOK_SECRET"] = known["secret"]


def _known() -> dict[str, Any]:
    with suppress(OSError, ValueError):
        known: dict[str, Any] = json.loads(FILE.read_text())
        return known
    return {}


def _exists(choice: Choice, endpoint: str) -> bool:
    try:
        _ask(choice, f"/v1/webhook_endpoints/{endpoint}")
    except Trouble:  # a fresh sandbox, or another key
        return False
    return True


def _ask(
    choice: Choice, path: str, *, method: str = "GET", form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    request = urllib.request.Request(
        choice.values["STRIPE_API_BASE"] + path,
        method=method,
        data=urllib.parse.urlencode(form, doseq=True).encode() if form else None,
        headers={"Authorization": f"Bearer {choice.values['STRIPE_SECRET_KEY']}"},
    )
    return _send(request)


def _send(request: urllib.request.Request) -> dict[str, Any]:
    path = urllib.parse.urlsplit(request.full_url).path
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    except urllib.error.HTTPError as error:
        raise Trouble(
            f"The sandbox refused {request.method} {path}: {error.read().decode(errors='replace')}"
        ) from None
    except OSError as error:
        raise Trouble(f"The sandbox did not answer {request.method} {path}: {error}") from None
