"""Codes to scan: a ticket's token as a QR picture.

Making one costs milliseconds of computing, so callers keep or cache the result.
"""

import io

import segno

# Any of the eight masks is valid; trying all of them costs four times as much, for a nicer spread of dots.
MASK = 2
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
    out = io.BytesIO()
    code.save(out, kind="png", border=QUIET, scale=max(1, size // code.symbol_size(border=QUIET)[0]))
    return out.getvalue()


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error=LEVEL, mask=MASK, boost_error=False)
