"""SendGrid's signed events: a key of the tests' own, and the key that the sandbox signs with."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.mail.event import SIGNATURE, STAMP
from tests.support.sandbox import Account

SECRET = "a secret for tests and nobody else"  # noqa: S105
OWN = ec.generate_private_key(ec.SECP256R1())

_keys: dict[str, str] = {}


def shown(key: ec.EllipticCurvePrivateKey = OWN) -> str:
    """Write a public key as SendGrid shows it."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def signed(raw: bytes, at: datetime, key: ec.EllipticCurvePrivateKey = OWN) -> dict[str, str]:
    """Write the headers of a delivery of these bytes."""
    stamp = str(int(at.timestamp()))
    signature = key.sign(stamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
    return {STAMP: stamp, SIGNATURE: base64.b64encode(signature).decode()}


def event(word: str, event_id: str, **more: Any) -> dict[str, Any]:
    """Write one event as SendGrid does, with a person's data in it."""
    return {
        "email": "ada@example.com",
        "ip": "203.0.113.7",
        "reason": "550 <ada@example.com>: no such user",
        "timestamp": 1_795_000_000,
        "event": word,
        "sg_event_id": event_id,
        "sg_message_id": "14c5d75ce93.dfd.64b469.recvd-1",
        **more,
    }


def at_sendgrid(account: Account) -> Account:
    """Give the account that sends mail."""
    return replace(account, provider="sendgrid", key=account.mail_key)


async def verification_keys(account: Account) -> Sequence[str]:
    """Give the keys that events are believed under: ours, and that of endpoints registered with SECRET."""
    if account.url not in _keys:
        stranger = at_sendgrid(Account(account.url, account.http))
        await stranger.listen("http://127.0.0.1:9/hook", SECRET)
        answer = await account.http.get(
            f"{account.url}/sendgrid/v3/user/webhooks/event/settings",
            headers={"Authorization": f"Bearer {stranger.key}"},
        )
        answer.raise_for_status()
        _keys[account.url] = answer.json()["public_key"]
    return shown(), _keys[account.url]
