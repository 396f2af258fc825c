"""Tells the sandbox where our webhooks are: Stripe's by its own interface, which makes the signing secret up,
Adyen's with the key that we have chosen.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from typing import Any

from devtools.choice import Choice
from devtools.paths import STATE
from devtools.say import Trouble

FILE = STATE / "stripe_endpoint.json"


def register(choice: Choice) -> None:
    """Have all our providers tell us, where they are the sandbox's."""
    register_at_stripe(choice)
    if not choice.given("ADYEN_API_BASE"):
        register_at_adyen(choice)


def register_at_adyen(choice: Choice) -> None:
    """Have Adyen's notifications come to our present address, signed with ADYEN_HMAC_KEY."""
    wish = {
        "url": f"{choice.values['API_URL']}/api/v1/webhooks/adyen",
        "secret": choice.values["ADYEN_HMAC_KEY"].partition(",")[0],
    }
    path = f"/_sandbox/accounts/{choice.values['ADYEN_API_KEY']}/endpoints"
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
    if not (known and known["url"] == url and _exists(choice, known["id"])):
        if known and _exists(choice, known["id"]):  # the API has moved: nobody listens there any more
            _ask(choice, f"/v1/webhook_endpoints/{known['id']}", method="DELETE")
        known = _ask(choice, "/v1/webhook_endpoints", method="POST", url=url, **{"enabled_events[]": "*"})
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


def _ask(choice: Choice, path: str, *, method: str = "GET", **form: str) -> dict[str, Any]:
    request = urllib.request.Request(
        choice.values["STRIPE_API_BASE"] + path,
        method=method,
        data=urllib.parse.urlencode(form).encode() if form else None,
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
