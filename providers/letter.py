"""Letters, written from what happened: the words stand in `web/mail/`, two templates per kind of notice.

Drawing the tickets' codes costs some milliseconds each, so callers write letters in a thread.
"""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from domain.money import Money
from domain.notice import NoticeKind
from domain.value import Value
from providers import qr
from providers.mail.post import Letter, Picture

TEMPLATES = Path(__file__).parents[1] / "web" / "mail"
CODE_PIXELS = 520  # twice what the template shows, for sharp screens


class Admission(Value):
    """A ticket as its holder sees it; `token` is what its code says."""

    number: str
    variant: str
    token: str


class Occasion(Value):
    """What a letter is about. `starts_at` and `pay_until` are shown in the venue's `zone`; `pay_at` is the
    address of a payment link, `cause` why a person of the organizer's has to look.
    """

    kind: NoticeKind
    email: str
    name: str
    organizer: str
    reference: str
    offer: str
    starts_at: datetime
    zone: str
    lines: tuple[tuple[str, int], ...] = ()
    total: Money
    refunded: Money | None = None
    tickets: tuple[Admission, ...] = ()
    pay_at: str = ""
    pay_until: datetime | None = None
    cause: str = ""


def write(occasion: Occasion) -> Letter:
    """Write the letter of an occasion; the first line of its text is its subject."""
    starts = occasion.starts_at.astimezone(ZoneInfo(occasion.zone))
    day = f"{_DAYS[starts.weekday()]}, {starts.day} {_MONTHS[starts.month - 1]} {starts.year}"
    ends = occasion.pay_until.astimezone(ZoneInfo(occasion.zone)) if occasion.pay_until else None
    until = f"{ends.day} {_MONTHS[ends.month - 1]}, {ends:%H:%M %Z}" if ends else ""
    what = {"it": occasion, "day": day, "when": f"{day}, {starts:%H:%M %Z}", "until": until}
    text = _templates.get_template(f"{occasion.kind.value}.txt").render(what)
    subject, _, rest = text.strip().partition("\n")
    return Letter(
        to_email=occasion.email,
        to_name=occasion.name,
        subject=subject,
        text=rest.strip() + "\n",
        html=_templates.get_template(f"{occasion.kind.value}.html").render(what, subject=subject),
        pictures=tuple(
            Picture(name=f"ticket-{place}", png=qr.png(ticket.token, size=CODE_PIXELS))
            for place, ticket in enumerate(occasion.tickets, 1)
        ),
    )


# The templates' language, whatever the machine's is.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

# What is text stays text: only HTML is escaped. A word that a template does not find is a defect, not a gap.
_templates = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
