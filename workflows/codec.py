"""How payloads travel into histories and back: sealed with AES-256-GCM under a key that is named beside them.

Sealed are requests, answers, signals, summaries and the words of failures. In clear remain ids, names of
types and queues, search attributes, and the type of a failure: no person's data stands in any of them.

The first key seals, all open. To rotate: put a new key in front, and drop the old one when the last history
under it is past the retention time. Whoever runs, asks or replays workflows needs the same keys.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
)

SEALED = b"binary/encrypted"
NONCE_BYTES = 12


class Unreadable(ValueError):
    """Raised for a sealed payload that no key of ours opens."""


class SealedPayloads(PayloadCodec):
    """Seals and opens payloads; one that is not sealed is given back as it is."""

    def __init__(self, keys: str) -> None:
        """Read `name:key` pairs, separated by commas; a key is 32 bytes in hexadecimal."""
        pairs = [pair.strip().partition(":") for pair in keys.split(",")]
        self._keys = {name.encode(): AESGCM(bytes.fromhex(key)) for name, _, key in pairs}
        self._first = pairs[0][0].encode()
        # Copied for each payload: to write metadata costs more than to seal.
        self._envelope = Payload(metadata={"encoding": SEALED, "key-id": self._first})

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal payloads."""
        return _each(payloads, self._seal)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open payloads. Raises Unreadable."""
        return _each(payloads, self._open)

    def _seal(self, plain: Payload) -> Payload:
        nonce, sealed = os.urandom(NONCE_BYTES), Payload()
        sealed.CopyFrom(self._envelope)
        text = self._keys[self._first].encrypt(nonce, plain.SerializeToString(), self._first)
        sealed.data = nonce + text
        return sealed

    def _open(self, sealed: Payload) -> Payload:
        if sealed.metadata.get("encoding") != SEALED:
            return sealed
        name, data = sealed.metadata.get("key-id", b""), sealed.data
        try:
            plain = self._keys[name].decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], name)
            return Payload.FromString(plain)
        except (KeyError, ValueError, InvalidTag) as error:
            raise Unreadable("No key of ours opens this payload.") from error


class Payloads(CompositePayloadConverter):
    """Turns values into payloads and back as the SDK does for pydantic.

    The SDK makes a converter for each run, which learns the types of all that the run is asked and answered
    again, and keeps them as long as the run is remembered. Those of all our runs are learnt once.
    """

    _learnt = PydanticPayloadConverter().converters

    def __init__(self) -> None:
        """Take what has been learnt."""
        self.converters = self._learnt

    def with_context(self, context: SerializationContext) -> Self:
        """Give itself: a value is written the same wherever it goes. The SDK asks for each payload."""
        return self


IN_CLEAR = DataConverter(payload_converter_class=Payloads)


def converter(keys: str) -> DataConverter:
    """Make what turns values into payloads and back: sealed under these keys, in clear without any."""
    if not keys:
        return IN_CLEAR
    return replace(
        IN_CLEAR,
        payload_codec=SealedPayloads(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _each(payloads: Iterable[Payload], change: Callable[[Payload], Payload]) -> list[Payload]:
    return [change(payload) for payload in payloads]
