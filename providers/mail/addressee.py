"""Addresses of mail, known again without being kept."""

import hashlib
import hmac

from domain.ids import TenantId


class Addressees:
    """Keyed hashes of addresses: what lies in the database tells nobody whom a tenant writes to.

    Another secret makes other hashes: what was suppressed under the old one is then tried once more.
    """

    def __init__(self, secret: str) -> None:
        self._secret = f"mail addressees {secret}".encode()

    def of(self, tenant_id: TenantId, email: str) -> str:
        """Give the hash of an address, the same however it is written, another one for each tenant."""
        text = f"{tenant_id}/{email.strip().lower()}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]
