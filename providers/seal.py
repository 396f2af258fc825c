"""Sealing single fields of a person's data: what lies in the database cannot be read there.

AES-256-GCM (NIST SP 800-38D), a fresh nonce each time. A sealed text names its key, and is bound to the place
it was sealed for (table, column, row): moved to another row it does not open. To rotate: put the new key in
front and go on knowing the old ones until their last text was sealed anew.
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.value import Sealed

NONCE_BYTES = 12


class Broken(ValueError):
    """Raised when a sealed text was changed, moved, or sealed with a key that is not known: a defect."""


class Seal:
    """Seals with the first of its keys, opens with any."""

    def __init__(self, keys: str) -> None:
        """Read `name:key` pairs, separated by commas; a key is 32 bytes in hexadecimal."""
        pairs = [pair.strip().partition(":") for pair in keys.split(",")]
        self._keys = {name: AESGCM(bytes.fromhex(key)) for name, _, key in pairs}
        self._first = pairs[0][0]

    def close(self, text: str, *, place: str) -> Sealed:
        """Seal a text for one place, such as `bookings/contact_phone/<id>`."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._keys[self._first].encrypt(nonce, text.encode(), place.encode())
        return Sealed(f"{self._first}:{base64.urlsafe_b64encode(sealed).decode()}")

    def open(self, sealed: Sealed, *, place: str) -> str:
        """Open what was sealed for this place. Raises Broken."""
        name, _, written = sealed.partition(":")
        try:
            raw = base64.urlsafe_b64decode(written)
            return self._keys[name].decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except (KeyError, ValueError, InvalidTag):
            raise Broken(f"Nothing opens what was sealed for {place.partition('/')[0]}.") from None
