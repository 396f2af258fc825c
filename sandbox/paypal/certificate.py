"""The keys that deliveries are signed with: a root of the sandbox's own, and a certificate under it.

Both are made when first needed and kept in the file. Who verifies has to trust the root.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.clock import Clock
from sandbox.store import Store

COMMON_NAME = "messageverificationcerts.sandbox.paypal.com"
YEARS = timedelta(days=3650)
PATH = "/v1/notifications/certs"


class Certificates:
    """The signing key and its chain."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def sign(self, text: bytes) -> str:
        """Return the signature of a text, in base64: RSA with SHA-256, PKCS #1 v1.5."""
        return base64.b64encode(self._key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()

    def is_signed(self, text: bytes, signature: str) -> bool:
        """Return whether a signature is ours."""
        try:
            raw = base64.b64decode(signature, validate=True)
            self._key.public_key().verify(raw, text, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    @property
    def id(self) -> str:
        """Return what the certificate is called in its address."""
        return f"CERT-{self._leaf.fingerprint(hashes.SHA256()).hex()[:24]}"

    def pem(self, name: str) -> str | None:
        """Return the chain of the certificate, or the root alone as `ROOT`; None for any other name."""
        if name == "ROOT":
            return self._kept["root"]
        return self._kept["leaf"] + self._kept["root"] if name == self.id else None

    @cached_property
    def _kept(self) -> Mapping[str, str]:
        text = self._store.meta("certificates of paypal", "")
        if not text:
            text = json.dumps(_made(self._clock.wall()))
            self._store.remember("certificates of paypal", text)
        kept: dict[str, str] = json.loads(text)
        return kept

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return cast("rsa.RSAPrivateKey", load_pem_private_key(self._kept["key"].encode(), None))

    @cached_property
    def _leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self._kept["leaf"].encode())


def _made(now: float) -> Mapping[str, str]:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox root")])
    root = (
        _begun(now, root_name, root_name, root_key.public_key(), root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    leaf = (
        _begun(now, name, root_name, key.public_key(), root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(COMMON_NAME)]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"key": pem, "leaf": _pem(leaf), "root": _pem(root)}


def _begun(
    now: float,
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    today = datetime.fromtimestamp(int(now), UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
