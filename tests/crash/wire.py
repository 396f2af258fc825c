"""Bytes on a connection, cut into what was asked and what was answered: HTTP/1.1, PostgreSQL's protocol and
gRPC over HTTP/2, each no further than the crash tests need.

A dialect is fed what passes in each direction and gives it back in pieces. The piece that completes a request
bears its words (first line and body; all statements of a transaction and its COMMIT; path and body of a
call), and the piece that completes the answer to it bears the same.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from hpack import Decoder

# Lengths of HTTP/2 frames (RFC 9113, section 4.1), their types and flags as far as they matter here.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD = 9
DATA, HEADERS, CONTINUATION = 0x0, 0x1, 0x9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x4, 0x8, 0x20
# A gRPC message: compressed or not, its length, itself.
MESSAGE_HEAD = 5
GZIPPED = 16 + zlib.MAX_WBITS

HEAD_END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Piece(NamedTuple):
    """Bytes to pass on; `words` when they complete a request or the answer to it."""

    data: bytes
    words: str | None = None


class Dialect(ABC):
    """The two directions of one connection."""

    @abstractmethod
    def asked(self, data: bytes) -> Iterator[Piece]:
        """Cut up what the client sends."""

    @abstractmethod
    def answered(self, data: bytes) -> Iterator[Piece]:
        """Cut up what the server sends."""


class Http(Dialect):
    """HTTP/1.1 without pipelining: whole requests, whole answers."""

    def __init__(self) -> None:
        self._asking, self._answering = b"", b""
        self._open: str | None = None

    def asked(self, data: bytes) -> Iterator[Piece]:
        """Give requests, whole."""
        self._asking += data
        while (size := _length_of_message(self._asking)) is not None:
            message, self._asking = self._asking[:size], self._asking[size:]
            self._open = f"{_text(message.partition(b' HTTP/')[0])}\n{_text(message.partition(HEAD_END)[2])}"
            yield Piece(message, self._open)

    def answered(self, data: bytes) -> Iterator[Piece]:
        """Give answers, whole: a stream without end never comes through."""
        self._answering += data
        while (size := _length_of_message(self._answering)) is not None:
            message, self._answering = self._answering[:size], self._answering[size:]
            yield Piece(message, self._open)
            self._open = None


def _length_of_message(data: bytes) -> int | None:
    """Say how long the first whole message is; nothing while it is not complete."""
    head, end, body = data.partition(HEAD_END)
    if not end:
        return None
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return len(data) if body.endswith(LAST_CHUNK) else None
    size = len(head) + len(end) + int(fields.get(b"content-length", b"0"))
    return size if len(data) >= size else None


# A statement is done, or has given as many rows as were asked for.
ENDS = (b"C", b"s")


class Postgres(Dialect):
    """PostgreSQL's protocol 3 without TLS: a COMMIT bears the statements of its transaction, and a statement
    that is one by itself bears the same words.
    """

    def __init__(self) -> None:
        self._asking, self._answering, self._begun = b"", b"", False
        self._statements: dict[bytes, str] = {}
        self._transaction: list[str] = []
        self._inside, self._alone = False, False  # of a transaction; a statement without one
        self._committing: str | None = None

    def asked(self, data: bytes) -> Iterator[Piece]:
        """Give messages; what commits bears words."""
        self._asking += data
        while message := self._next_asked():
            yield Piece(message, self._read(message))

    def _next_asked(self) -> bytes:
        start = 1 if self._begun else 0  # the first message of a connection has no type
        size = _length_after(self._asking, start)
        if size is None:
            return b""
        self._begun = True
        message, self._asking = self._asking[:size], self._asking[size:]
        return message

    def _read(self, message: bytes) -> str | None:
        kind, body = message[:1], message[5:]
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._statements[name] = _text(text)
        elif kind == b"B":
            _, name, values = body.split(b"\0", 2)
            self._transaction += [self._statements.get(name, ""), _text(values)]
            if not self._inside:
                self._alone = True
                return self._told("commit")
        elif kind == b"Q":
            return self._told(_text(body.rstrip(b"\0")))
        return None

    def _told(self, command: str) -> str | None:
        if command.startswith(("begin", "rollback")):
            self._transaction, self._inside = [], command.startswith("begin")
        self._transaction.append(command)
        if not command.startswith("commit"):
            return None
        self._committing = "\n".join(self._transaction)
        self._transaction, self._inside = [], False
        return self._committing

    def answered(self, data: bytes) -> Iterator[Piece]:
        """Give messages; the one that says that the COMMIT is done bears its words."""
        self._answering += data
        while (size := _length_after(self._answering, 1)) is not None:
            message, self._answering = self._answering[:size], self._answering[size:]
            ended = message[:1] in ENDS and (self._alone or message[5:] == b"COMMIT\0")
            yield Piece(message, self._committing if ended else None)
            self._alone = self._alone and message[:1] not in (*ENDS, b"Z")


def _length_after(data: bytes, start: int) -> int | None:
    """Say how long the first whole message is, whose length stands at `start` and counts from there."""
    if len(data) < start + 4:
        return None
    size = start + int.from_bytes(data[start : start + 4], "big")
    return size if len(data) >= size else None


class Grpc(Dialect):
    """gRPC over HTTP/2 with prior knowledge: calls of one question and one answer.

    A call is made once its message is whole: a server may answer then, and the client ends its side later.
    """

    def __init__(self) -> None:
        self._asking, self._answering, self._begun = b"", b"", False
        self._headers, self._decoder = b"", Decoder()
        self._paths: dict[int, str] = {}
        self._bodies: dict[int, bytes] = {}
        self._calls: dict[int, str] = {}

    def asked(self, data: bytes) -> Iterator[Piece]:
        """Give frames; the one that completes a call's message bears its path and what it asks."""
        self._asking += data
        if not self._begun and len(self._asking) >= len(PREFACE):
            self._begun, preface = True, self._asking[: len(PREFACE)]
            self._asking = self._asking[len(PREFACE) :]
            yield Piece(preface)
        while self._begun and (size := _length_of_frame(self._asking)) is not None:
            frame, self._asking = self._asking[:size], self._asking[size:]
            yield Piece(frame, self._read(frame))

    def _read(self, frame: bytes) -> str | None:
        kind, flags, stream = frame[3], frame[4], _stream(frame)
        if kind in (HEADERS, CONTINUATION):
            self._headers += _content(frame)
            if flags & END_HEADERS:
                fields = self._decoder.decode(self._headers, raw=True)
                self._headers = b""
                self._paths[stream] = next((_text(value) for name, value in fields if name == b":path"), "")
        elif kind == DATA and stream in self._paths:
            self._bodies[stream] = self._bodies.get(stream, b"") + _content(frame)
            return self._told(stream)
        return None

    def _told(self, stream: int) -> str | None:
        message = _message(self._bodies[stream])
        if message is None:
            return None
        del self._bodies[stream]
        self._calls[stream] = f"{self._paths.pop(stream)}\n{_text(message)}"
        return self._calls[stream]

    def answered(self, data: bytes) -> Iterator[Piece]:
        """Give frames; the last one of an answer bears the words of its call."""
        self._answering += data
        while (size := _length_of_frame(self._answering)) is not None:
            frame, self._answering = self._answering[:size], self._answering[size:]
            ends = frame[3] in (HEADERS, DATA) and frame[4] & END_STREAM
            yield Piece(frame, self._calls.pop(_stream(frame), None) if ends else None)


def _length_of_frame(data: bytes) -> int | None:
    size = FRAME_HEAD + int.from_bytes(data[:3], "big")
    return size if len(data) >= max(size, FRAME_HEAD) else None


def _stream(frame: bytes) -> int:
    return int.from_bytes(frame[5:FRAME_HEAD], "big") & 0x7FFFFFFF


def _content(frame: bytes) -> bytes:
    """Give what a frame of headers or data carries, without padding and priority."""
    kind, flags, content = frame[3], frame[4], frame[FRAME_HEAD:]
    if flags & PADDED and kind != CONTINUATION:
        content = content[1 : len(content) - content[0]]
    return content[5:] if kind == HEADERS and flags & PRIORITY else content


def _message(data: bytes) -> bytes | None:
    """Give the message that this begins with, unzipped where it has to be; nothing while it is not whole."""
    size = MESSAGE_HEAD + int.from_bytes(data[1:MESSAGE_HEAD], "big")
    if len(data) < size:
        return None
    message = data[MESSAGE_HEAD:size]
    return zlib.decompress(message, GZIPPED) if data[0] else message


def _text(data: bytes) -> str:
    return data.decode("latin-1")
