"""What each of Adyen's codes does to payment, booking, tickets and mails (WHK-05): taken at the door, read by
the relay, written down as whoever is told does it, over real rows.
"""

from typing import NamedTuple

import pytest
from uuid_utils.compat import uuid7

from db import webhook
from domain.ids import PaymentId
from providers.adyen_gateway.gateway import AdyenGateway
from tests.api.conftest import Door
from tests.api.desk import AFTERCARE, DISPUTE, GONE, KEEPS, NOBODY, RUN, WAITS, Desk, Ends, logged, waiting
from tests.api.test_adyen_webhook import deliver
from tests.providers.adyen_item import envelope, item, signed

PAID = "PSPOFTHEPAYMENT"


class AdyenDesk(Desk):
    """A payment over Adyen, which is played by the test."""

    async def hear(self, code: str, *, success: bool = True, held: bool = False, psp: str = "PSP") -> str:
        """Have Adyen tell something, and the relay read it; gives who was told of it."""
        settings, about = self.door.settings, f"{self.payment_id}:hold" if held else str(self.payment_id)
        names = {"merchantReference": about, "merchantAccountCode": settings.adyen_merchant_account}
        more = names if psp != PAID else {**names, "originalReference": ""}
        told = signed(item(code, success=success, pspReference=psp, **more), settings.adyen_hmac_key)
        answer = await deliver(self.door, envelope(told))
        assert (answer.status_code, answer.text) == (200, "[accepted]")
        return await self.read()


@pytest.fixture
async def desk(door: Door) -> AdyenDesk:
    """Open a checkout over Adyen, for a booking that waits for its payment."""
    payment_id = PaymentId(uuid7())
    return await AdyenDesk.opened(door, await waiting(door), payment_id, adyen(door), str(payment_id))


def adyen(door: Door) -> AdyenGateway:
    """Make the adapter over what the door has stored; nobody answers its calls."""
    return AdyenGateway(
        account="default",
        merchant=door.settings.adyen_merchant_account,
        api_key="nobody's",
        keys=[door.settings.adyen_hmac_key],
        memory=webhook.Told(door.databases.payment, "adyen", "default"),
        api="http://127.0.0.1:1",
    )


OPEN, HELD, CONFIRMED = "open", "held", "confirmed"


class Row(NamedTuple):
    """Where the payment is, the code and whether it succeeded; then who is told, and how all of it stands."""

    where: str
    code: str
    success: bool
    heard: str
    ends: Ends
    payment: str
    mails: list[str]


TABLE = [
    Row(OPEN, "AUTHORISATION", True, RUN, WAITS, "captured", []),
    Row(OPEN, "AUTHORISATION", False, RUN, WAITS, "pending", ["payment_declined"]),
    Row(HELD, "CAPTURE", True, RUN, WAITS, "captured", []),
    Row(HELD, "CAPTURE", False, NOBODY, WAITS, "authorized", []),
    Row(HELD, "CANCELLATION", True, RUN, WAITS, "cancelled", []),
    Row(HELD, "CANCELLATION", False, NOBODY, WAITS, "authorized", []),
    Row(HELD, "TECHNICAL_CANCEL", True, RUN, WAITS, "cancelled", []),
    Row(HELD, "TECHNICAL_CANCEL", False, NOBODY, WAITS, "authorized", []),
    Row(HELD, "EXPIRE", True, RUN, WAITS, "cancelled", []),
    Row(CONFIRMED, "CAPTURE_FAILED", True, AFTERCARE, GONE, "captured", ["payment_refunded"]),
    Row(CONFIRMED, "CAPTURE_FAILED", False, NOBODY, KEEPS, "captured", []),
    Row(CONFIRMED, "REFUND", True, AFTERCARE, GONE, "captured", ["payment_refunded"]),
    Row(CONFIRMED, "REFUND", False, AFTERCARE, KEEPS, "captured", []),
    Row(CONFIRMED, "REFUND_FAILED", True, AFTERCARE, KEEPS, "captured", []),
    Row(CONFIRMED, "CHARGEBACK", True, DISPUTE, KEEPS, "captured", []),
    Row(CONFIRMED, "NOTIFICATION_OF_CHARGEBACK", True, DISPUTE, KEEPS, "captured", []),
    Row(CONFIRMED, "OFFER_CLOSED", True, NOBODY, KEEPS, "captured", []),
    Row(CONFIRMED, "A_KIND_OF_TOMORROW", True, NOBODY, KEEPS, "captured", []),
    Row(CONFIRMED, "A_KIND_OF_TOMORROW", False, NOBODY, KEEPS, "captured", []),
]


@pytest.mark.row("WHK-05")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.code}-{row.success}")
async def test_a_code_does_what_the_table_says(
    desk: AdyenDesk, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    held = row.where == HELD
    if row.where != OPEN:
        await desk.hear("AUTHORISATION", held=held, psp=PAID)
        await desk.write()
    if row.where == CONFIRMED:
        await desk.confirm()
    lines = logged(monkeypatch)

    heard = await desk.hear(row.code, success=row.success, held=held)
    await desk.write()

    assert heard == row.heard
    assert await desk.stands() == (row.ends[0], row.payment, row.ends[1], row.mails)
    (taken,) = [line for line in lines if line.get("provider")]
    assert (taken["provider"], taken["kind"]) == ("adyen", row.code)
    assert ("why" in taken) is (row.heard == NOBODY)
