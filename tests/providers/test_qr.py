"""Codes to scan: what we draw, a scanner reads."""

import io
import xml.etree.ElementTree as ET

import pytest
import zxingcpp
from hypothesis import given, settings, strategies as st
from PIL import Image

from providers import qr

TOKEN = "eyJ" + "hbGciOiJFZERTQSIsImtpZCI6" * 15


def read(picture: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    text: str = found.text
    return text


@pytest.mark.parametrize("size", [200, 320, 1_000])
def test_a_picture_is_read_back_at_any_size(size: int) -> None:
    picture = qr.png(TOKEN, size=size)

    assert read(picture) == TOKEN
    assert Image.open(io.BytesIO(picture)).width <= size


@settings(max_examples=20)
@given(text=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=300))
def test_whatever_the_text_the_fixed_mask_can_be_read(text: str) -> None:
    assert read(qr.png(text, size=600)) == text


def test_a_picture_is_never_smaller_than_its_modules() -> None:
    assert Image.open(io.BytesIO(qr.png(TOKEN, size=1))).width > 50


def test_the_drawing_has_its_size_and_scales() -> None:
    drawing = ET.fromstring(qr.svg(TOKEN, size=240))  # noqa: S314 - our own

    assert (drawing.get("width"), drawing.get("height")) == ("240", "240")
    assert (drawing.get("viewBox") or "").startswith("0 0 ")


def test_the_same_text_gives_the_same_bytes() -> None:
    assert qr.png(TOKEN) == qr.png(TOKEN)
    assert qr.svg(TOKEN) == qr.svg(TOKEN)
