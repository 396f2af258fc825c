"""Codes to scan: a ticket's token as a QR picture.

segno draws what is shown on a page and scales. The picture that goes into every confirmation is zxing-cpp's,
which takes half a millisecond of computing where segno takes ten.
"""

import io
import struct
import zlib

import segno
import zxingcpp

# Any of the eight masks is valid; trying all of them takes many times as long, for a nicer spread of dots.
MASK = 2
# How every PNG begins (ISO/IEC 15948).
PNG = b"\x89PNG\r\n\x1a\n"
AS_IT_IS, AS_ABOVE = b"\0", b"\2"  # its filters of a line: none, and the difference from the one above
# ISO/IEC 18004: a quiet zone of four modules. Level M survives 15 % of damage.
QUIET, LEVEL = 4, "M"
# Modules as zxing-cpp draws them.
DARK, LIGHT = "\x00", "\xff"


def svg(text: str, *, size: int = 320) -> str:
    """Draw `text` as an SVG of `size` pixels that scales without loss: black on white on any page."""
    out = io.BytesIO()
    segno.make_qr(text, error=LEVEL, mask=MASK, boost_error=False).save(
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
    modules = _modules(text)
    scale = max(1, size // len(modules))
    lines = [_lines(row, scale) for row in modules]
    width = len(modules) * scale
    header = struct.pack(">IIBBBBB", width, width, 1, 0, 0, 0, 0)  # one bit of grey for each pixel
    data = zlib.compress(b"".join(lines))
    return PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _modules(text: str) -> list[bytes]:
    """Make a code: its rows, the quiet zone around it included, a byte for each module."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=LEVEL, data_mask=MASK)
    picture = code.to_image(add_quiet_zones=True)
    side, modules = picture.shape[0], bytes(picture)  # type: ignore[call-overload]  # its stubs hide the buffer
    return [modules[start : start + side] for start in range(0, len(modules), side)]


def _lines(modules: bytes, scale: int) -> bytes:
    """Write a row of modules as lines of pixels: the first as it is, the others as no different from the one
    above.
    """
    pixels = modules.decode("latin-1").replace(DARK, "0" * scale).replace(LIGHT, "1" * scale)
    length = -(-len(pixels) // 8)
    line = int(pixels.ljust(8 * length, "0"), 2).to_bytes(length, "big")
    return AS_IT_IS + line + (AS_ABOVE + bytes(length)) * (scale - 1)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
