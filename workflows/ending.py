"""How the trouble of a booking's saga ends the booking."""

from domain.booking import EndReason, Judge
from workflows.saga import CANCELLED, EXPIRED

# Who must accept has said no, or nothing in time.
REFUSED = {Judge.PARTNER: "PartnerRefused", Judge.REVIEWER: "ReviewDeclined"}
SILENT = {Judge.PARTNER: "PartnerSilent", Judge.REVIEWER: "ReviewSilent"}

# What ends a saga, and the end it gives the booking; anything else has failed.
_ENDS = {
    EXPIRED: EndReason.EXPIRED,
    "HoldEnded": EndReason.EXPIRED,
    CANCELLED: EndReason.CANCELLED,
    REFUSED[Judge.PARTNER]: EndReason.REFUSED,
    SILENT[Judge.PARTNER]: EndReason.REFUSED,
    SILENT[Judge.REVIEWER]: EndReason.EXPIRED,
}
_ENDS_IF_NEVER_HELD = {"SoldOut": EndReason.REJECTED, "SalesClosed": EndReason.REJECTED}
_ENDS_IF_HELD = {"SoldOut": EndReason.EXPIRED, "SalesClosed": EndReason.EXPIRED}


def of(trouble: str, *, held: bool) -> EndReason:
    """Say how a booking ends for this trouble (a refusal's class name, `Expired`, `Cancelled`), by whether
    its places were ever held.
    """
    ends = _ENDS | (_ENDS_IF_HELD if held else _ENDS_IF_NEVER_HELD)
    return ends.get(trouble, EndReason.FAILED)
