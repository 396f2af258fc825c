"""Codes to scan: a ticket's token as a QR picture.

Making one costs milliseconds of computing, so callers keep or cache the result.
"""

import io
import struct
import zlib

import segno

# Any of the eight masks is valid; trying all of them costs four times as much, for a nicer spread of dots.
MASK = 2
# How every PNG begins (ISO/IEC 15948).
PNG = b"\x89PNG\r\n\x1a\n"
AS_IT_IS, AS_ABOVE = b"\0", b"\2"  # its filters of a line: none, and the difference from the one above
# ISO/IEC 18004: a quiet zone of four modules. Level M survives 15 % of damage.
QUIET, LEVEL = 4, "m"


def svg(text: str, *, size: int = 320) -> str:
    """Draw `text` as an SVG of `size` pixels that scales without loss: black on white on any page."""
    code = _code(text)
    out = io.BytesIO()
    code.save(
        out,
        kind="svg",
        border=QUIET,
        omitsize=True,  # a viewBox instead
        dark="#000",
        light="#fff",
        xmldecl=False,
        svgclass=None,
        lineclass=None,
    )
    return out.getvalue().decode().replace("<svg ", f'<svg width="{size}" height="{size}" ', 1)


def png(text: str, *, size: int = 320) -> bytes:
    """Draw `text` as a PNG in black and white, as large as whole modules allow within `size` pixels.

    Never smaller than one pixel a module, though that be more than `size`.
    """
    code = _code(text)
    side, blank = bytes(QUIET), [bytes(len(code.matrix) + 2 * QUIET)] * QUIET
    rows = [*blank, *(side + bytes(row) + side for row in code.matrix), *blank]
    scale = max(1, size // len(rows))
    lines = [_lines(row, scale) for row in rows]
    width = len(rows) * scale
    header = struct.pack(">IIBBBBB", width, width, 1, 0, 0, 0, 0)  # one bit of grey for each pixel
    data = zlib.compress(b"".join(lines))
    return PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _lines(modules: bytes, scale: int) -> bytes:
    """Write a row of modules (1 is dark) as lines of pixels: the first as it is, the others as no different
    from the one above. segno's own writer goes pixel by pixel, and takes longer than the code itself.
    """
    pixels = "".join([("1", "0")[module] * scale for module in modules])
    length = -(-len(pixels) // 8)
    line = int(pixels.ljust(8 * length, "0"), 2).to_bytes(length, "big")
    return AS_IT_IS + line + (AS_ABOVE + bytes(length)) * (scale - 1)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error=LEVEL, mask=MASK, boost_error=False)
