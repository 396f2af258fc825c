"""Event webhooks: where an account is told what becomes of its mail, and the keys that is signed with."""

import base64
import hashlib
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.answer import Answer
from sandbox.event import Endpoint
from sandbox.record import Json, NotFound
from sandbox.sendgrid.call import Call, Refused, done, no_such, told
from sandbox.sendgrid.shape import boolean, error, string, struct
from sandbox.work import Work

MOST = 5
# The order of P-256 (SEC 2, 2.4.2).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNATURE, STAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"

# The switches of a webhook, and the events they stand for.
SWITCHES = {
    "processed": "processed",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounce",
    "dropped": "dropped",
    "spam_report": "spamreport",
    "open": "open",
    "click": "click",
    "unsubscribe": "unsubscribe",
    "group_unsubscribe": "group_unsubscribe",
    "group_resubscribe": "group_resubscribe",
}
WORDS = ("url", "friendly_name", "oauth_client_id", "oauth_client_secret", "oauth_token_url")
HOOK = struct({**dict.fromkeys(WORDS, string), **dict.fromkeys(("enabled", *SWITCHES), boolean)})
TOGGLE = struct({"enabled": boolean}, ("enabled",))


def create(call: Call) -> Answer:
    """Add a webhook; its deliveries are not signed until that is switched on."""
    work, wish = call.work, _judged(call)
    if "url" not in wish:
        raise Refused(400, error("url is required", "url"))
    if len(work.store.all(Endpoint, work.account.id)) >= MOST:
        raise Refused(400, error(f"No more than {MOST} webhooks can be configured.", None))
    letters = work.account.next_id(work.world.seed, "", length=16)
    endpoint_id = str(UUID(bytes=letters.encode(), version=4))
    endpoint = Endpoint(
        id=endpoint_id,
        account=work.account.id,
        created=work.now,
        url=wish["url"],
        secret=work.secret("event webhook", endpoint_id),
        about={"signed": False, "sent": {}},
    )
    _change(work, endpoint, wish)
    work.add(endpoint)
    return told(_shown(endpoint), 201)


def list_all(call: Call) -> Answer:
    """List all webhooks."""
    found = call.work.store.all(Endpoint, call.work.account.id)
    return told({"max_allowed": MOST, "webhooks": [_shown(each) for each in found]})


def retrieve(call: Call) -> Answer:
    """Return one webhook, or the oldest."""
    return told(_shown(_found(call)))


def update(call: Call) -> Answer:
    """Change one webhook, or the oldest."""
    endpoint = _found(call)
    _change(call.work, endpoint, _judged(call))
    call.work.save(endpoint)
    return told(_shown(endpoint))


def delete(call: Call) -> Answer:
    """Forget a webhook; what was on its way to it is not sent any more."""
    call.work.store.delete(_found(call))
    return done()


def public_key(call: Call) -> Answer:
    """Return the key that verifies a webhook's deliveries; empty while they are not signed."""
    return told(_key_shown(_found(call)))


def toggle_signing(call: Call) -> Answer:
    """Switch signing on or off, and return the key."""
    errors = list(TOGGLE(call.body, ""))
    if errors:
        raise Refused(400, *errors)
    endpoint = _found(call)
    endpoint.about["signed"] = call.body["enabled"]
    call.work.save(endpoint)
    return told(_key_shown(endpoint))


def signed(endpoint: Endpoint, body: bytes, *, secret: str, stamp: int) -> dict[str, str]:
    """Return the headers that prove who sends; none where it was not asked for."""
    if not endpoint.about.get("signed", True):
        return {}
    signature = _key(secret).sign(str(stamp).encode() + body, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE: base64.b64encode(signature).decode(), STAMP: str(stamp)}


def shown_key(secret: str) -> str:
    """Return the public key that belongs to a secret, as SendGrid shows it: DER in base64."""
    public = _key(secret).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@lru_cache(maxsize=100)
def _key(secret: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha256(secret.encode()).digest(), "big") % (ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _judged(call: Call) -> Json:
    errors = list(HOOK(call.body, ""))
    if not errors and not call.body.get("url", "https://").startswith(("https://", "http://")):
        errors = [error("url is not a valid address", "url")]
    if errors:
        raise Refused(400, *errors)
    wish: Json = call.body
    return wish


def _found(call: Call) -> Endpoint:
    if not call.names:
        known = call.work.store.all(Endpoint, call.work.account.id)
        if not known:
            raise no_such()
        return known[0]
    try:
        return call.work.get(Endpoint, call.names[0])
    except NotFound:
        raise no_such() from None


def _change(work: Work, endpoint: Endpoint, wish: Json) -> None:
    sent = endpoint.about["sent"] = {**endpoint.about.get("sent", {}), **wish, "updated": work.now}
    endpoint.url, endpoint.enabled = sent["url"], sent.get("enabled", False)
    endpoint.types = [event for switch, event in SWITCHES.items() if sent.get(switch)]


def _shown(endpoint: Endpoint) -> Json:
    sent: dict[str, Any] = endpoint.about.get("sent", {})
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "enabled": endpoint.enabled,
        "friendly_name": sent.get("friendly_name", ""),
        **{switch: event in endpoint.types or "*" in endpoint.types for switch, event in SWITCHES.items()},
        "oauth_client_id": sent.get("oauth_client_id", ""),
        "oauth_token_url": sent.get("oauth_token_url", ""),
        "public_key": _key_shown(endpoint)["public_key"],
    }


def _key_shown(endpoint: Endpoint) -> Json:
    is_signed = endpoint.about.get("signed", True)
    return {"id": endpoint.id, "public_key": shown_key(endpoint.secret) if is_signed else ""}
