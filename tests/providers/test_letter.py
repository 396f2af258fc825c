"""What a person is told, in text and in HTML."""

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from domain.money import Money
from domain.notice import NoticeKind
from providers.letter import Admission, Occasion, write

TICKETS = tuple(Admission(number=f"T-000{n}", variant="Adult", token=f"token-of-{n}") for n in (1, 2))


def occasion(kind: NoticeKind = NoticeKind.BOOKING_CONFIRMED, **given: Any) -> Occasion:
    defaults: dict[str, Any] = {
        "email": "zoe@example.com",
        "name": "Zoë",
        "organizer": "Harbour & Co",
        "reference": "BK-2026-000042",
        "offer": "Harbour cruise",
        "starts_at": datetime(2026, 12, 24, 18, 30, tzinfo=UTC),
        "zone": "America/New_York",
        "lines": (("Adult", 2),),
        "total": Money(minor=59_999, currency="USD"),
        "tickets": TICKETS if kind is NoticeKind.BOOKING_CONFIRMED else (),
    }
    return Occasion(kind=kind, **{**defaults, **given})


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_of_notice_has_its_letter_with_what_when_and_which(kind: NoticeKind) -> None:
    letter = write(occasion(kind))

    assert letter.to_email == "zoe@example.com"
    assert letter.subject
    assert "\n" not in letter.subject
    for part in (letter.text, letter.html):
        for said in (
            "Zoë",
            "Harbour cruise",
            "Thursday, 24 December 2026, 13:30 EST",
            "BK-2026-000042",
            "2 × Adult",
        ):
            assert said in part
        assert "599.99 USD" in part


def test_a_confirmation_shows_a_code_per_ticket_that_a_scanner_reads() -> None:
    letter = write(occasion())

    shown = re.findall(r'src="cid:([^"]+)"', letter.html)
    assert shown == [picture.name for picture in letter.pictures]
    codes = [zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.png))) for picture in letter.pictures]
    assert [code.text for (code,) in codes] == ["token-of-1", "token-of-2"]
    assert all(ticket.number in letter.text and ticket.number in letter.html for ticket in TICKETS)
    assert "token-of" not in letter.html + letter.text


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_letter_loads_nothing_from_elsewhere_and_runs_nothing(kind: NoticeKind) -> None:
    html = write(occasion(kind)).html

    assert re.findall(r'src="(?!cid:)', html) == []
    assert not re.search(r"<script|<link|@import|url\(|javascript:|\son\w+=", html, re.IGNORECASE)


def test_what_people_type_cannot_become_markup() -> None:
    letter = write(occasion(name="<script>alert(1)</script>", offer='"><img src=x>', organizer="A & B <i>"))

    assert "<script>" not in letter.html
    assert "<img src=x>" not in letter.html
    assert "&lt;script&gt;" in letter.html
    assert "<script>alert(1)</script>" in letter.text


def test_a_free_booking_tells_no_total_and_a_nameless_one_greets_all_the_same() -> None:
    letter = write(occasion(total=Money(minor=0, currency="EUR"), name=""))

    assert "Total" not in letter.text + letter.html
    assert letter.text.startswith("Hello,")


def test_a_refund_tells_what_goes_back() -> None:
    letter = write(occasion(NoticeKind.PAYMENT_REFUNDED, refunded=Money(minor=1_050, currency="EUR")))

    assert letter.subject == "Your money goes back: 10.50 EUR"
    assert "10.50 EUR" in letter.html
