"""The certificates that PayPal signs its webhooks with.

The delivery itself says where its certificate lies, so nothing of it is believed: the address has to be one
of PayPal's own, the chain has to end at a root we trust, the dates have to hold, and the name has to be the
one that PayPal signs messages with. What has been fetched is kept by its address.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime

import aiohttp
from cryptography import x509
from cryptography.x509 import DNSName
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from providers.gateway import BadSignature, OutcomeUnknown

PATH = "/v1/notifications/certs/"
LARGEST = 65_536
MOST_KEPT = 16
# PayPal's own hosts: calls go to the second, certificates lie at either.
LIVE = ("https://api.paypal.com", "https://api-m.paypal.com")
TRIAL = ("https://api.sandbox.paypal.com", "https://api-m.sandbox.paypal.com")
LIVE_NAME, TRIAL_NAME = "messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"


class Certificates:
    """Fetches and judges certificates; `api` says whose, `roots` (PEM) whom we trust."""

    def __init__(
        self, *, api: str, roots: bytes, http: aiohttp.ClientSession, timeout: aiohttp.ClientTimeout
    ) -> None:
        bases = next((hosts for hosts in (LIVE, TRIAL) if api in hosts), (api,))
        known = "|".join(re.escape(base) for base in bases)
        self._address = re.compile(rf"(?:{known}){re.escape(PATH)}[A-Za-z0-9_-]{{1,100}}")
        self._name = LIVE_NAME if api in LIVE else TRIAL_NAME
        self._roots = Store(x509.load_pem_x509_certificates(roots))
        self._http, self._timeout = http, timeout
        self._kept: dict[str, x509.Certificate] = {}
        self._fetching = asyncio.Lock()

    async def at(self, address: str, now: datetime) -> x509.Certificate:
        """Give the certificate at an address. Raises BadSignature for one that we do not trust, and
        OutcomeUnknown when it cannot be had at the moment.
        """
        if not self._address.fullmatch(address):
            raise BadSignature("a certificate from elsewhere")
        async with self._fetching:
            kept = self._kept.get(address)
            if kept is None:
                chain = _chain(await self._fetched(address))
                kept = self._trusted(chain, now)
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[address] = kept
        if not kept.not_valid_before_utc <= now <= kept.not_valid_after_utc:
            raise BadSignature("a certificate of another time")
        return kept

    async def _fetched(self, address: str) -> bytes:
        try:
            async with self._http.get(address, timeout=self._timeout, allow_redirects=False) as answer:
                if answer.status == 404:
                    raise BadSignature("no such certificate")
                if answer.status != 200:
                    raise OutcomeUnknown("no_certificate")
                raw = await answer.content.read(LARGEST + 1)
        except (aiohttp.ClientError, TimeoutError):
            raise OutcomeUnknown("no_certificate") from None
        if len(raw) > LARGEST:
            raise BadSignature("not a certificate")
        return raw

    def _trusted(self, chain: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
        leaf, *between = chain
        verifier = PolicyBuilder().store(self._roots).time(now).build_server_verifier(DNSName(self._name))
        try:
            verifier.verify(leaf, between)
        except VerificationError:
            raise BadSignature("a certificate that we do not trust") from None
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if [name.value for name in names] != [self._name]:
            raise BadSignature("a certificate of another name")
        return leaf


def _chain(raw: bytes) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(raw)
    except ValueError:
        raise BadSignature("not a certificate") from None
