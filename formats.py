"""What the values of environment variables have to look like: keys, addresses, lists."""

import base64
import binascii
import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from providers.credential import listed

# How the DER form of an Ed25519 key begins (RFC 8410); 32 bytes of key follow.
ED25519_PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
ED25519_PUBLIC = bytes.fromhex("302a300506032b6570032100")

# How the DER form of an uncompressed public key on P-256 begins (RFC 5480); its two coordinates follow.
P256_PUBLIC = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def pem_blocks(text: str, kind: str, prefix: bytes) -> list[bytes]:
    """Answer the keys of all PEM blocks in `text`; ValueError when something else is among them."""
    blocks = re.findall(rf"-----BEGIN {kind}-----(.+?)-----END {kind}-----", text, re.DOTALL)
    if not blocks:
        raise ValueError(f"no PEM block '{kind}'")
    try:
        keys = [base64.b64decode("".join(block.split()), validate=True) for block in blocks]
    except binascii.Error:
        raise ValueError("a PEM block is not base64") from None
    if any(not key.startswith(prefix) or len(key) != len(prefix) + 32 for key in keys):
        raise ValueError("not an Ed25519 key")
    return keys


def private_key(text: str) -> str:
    """Check an Ed25519 private key in PEM; `\\n` may stand for a line end, as files of variables write it."""
    text = text.replace("\\n", "\n")
    pem_blocks(text, "PRIVATE KEY", ED25519_PRIVATE)
    return text


def public_keys(text: str) -> str:
    """Check any number of Ed25519 public keys in PEM, one after the other."""
    text = text.replace("\\n", "\n")
    if text.strip():
        pem_blocks(text, "PUBLIC KEY", ED25519_PUBLIC)
    return text


def verification_keys(text: str) -> str:
    """Check public keys on the curve P-256, as SendGrid shows them (base64), separated by commas."""
    for key in listed(text):
        der = base64.b64decode(key, validate=True)
        if not der.startswith(P256_PUBLIC) or len(der) != len(P256_PUBLIC) + 64:
            raise ValueError("not a verification key of SendGrid's")
    return text


def postgres_url(text: str) -> str:
    """Check the address of a database."""
    if not re.fullmatch(r"postgres(ql)?://[^/@]+@[^/]+/\w+(\?.*)?", text):
        raise ValueError("must look like postgresql://role:password@host:port/database")
    return text


def web_url(text: str) -> str:
    """Check the base address of a server, given back without the slash at its end."""
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", text):
        raise ValueError("must look like https://host/path")
    return text.rstrip("/")


def networks(text: str) -> str:
    """Check a list of addresses and networks of the Internet."""
    for each in listed(text):
        ip_network(each)
    return text


def origins(text: str) -> str:
    """Check a list of origins of web pages."""
    for each in listed(text):
        if not re.fullmatch(r"https?://[^/\s*]+", each):
            raise ValueError("must look like https://shop.example")
    return text


Secret = Annotated[str, Field(repr=False)]
DatabaseUrl = Annotated[str, Field(repr=False), AfterValidator(postgres_url)]
PrivateKey = Annotated[str, Field(repr=False), AfterValidator(private_key)]
Url = Annotated[str, AfterValidator(web_url)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Seconds = Annotated[int, Field(ge=1)]
