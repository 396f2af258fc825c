"""Identifiers that look like a provider's and depend only on the seed and on what the account did before."""

from hashlib import blake2b

ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LETTERS = bytes(ALPHABET[byte % 62] for byte in range(256))


def derive(*parts: object, length: int = 24) -> str:
    """Return `length` letters and digits that are always the same for the same `parts`."""
    digest = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=max(16, length)).digest()
    return digest[:length].translate(LETTERS).decode()
