"""What `./dev up` asks .venv's python for, as JSON: the defaults of `settings.py` and fresh Ed25519 keys."""

import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from settings import Settings

KEYS = ("JWT_PRIVATE_KEY", "TICKET_PRIVATE_KEY")


def defaults() -> dict[str, str]:
    """Answer each variable that has a default, in the form in which the environment holds it."""
    known = {
        name.upper(): field.default
        for name, field in Settings.model_fields.items()
        if not field.is_required()
    }
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in known.items()
    }


def new_key() -> str:
    """Make a private key, in PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


if __name__ == "__main__":
    json.dump({"defaults": defaults(), "keys": {name: new_key() for name in KEYS}}, sys.stdout)
