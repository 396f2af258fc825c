"""What each of PayPal's events does to payment, booking, tickets and mails (WHK-20): told by PayPal, taken at
the door, read by the relay, written down as whoever is told does it, over real rows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import aiohttp
import httpx2
import pytest
from uuid_utils.compat import uuid7

from api.app import create_app
from domain.ids import PaymentId
from domain.money import Money
from providers.paypal_gateway.gateway import PayPalGateway
from providers.paypal_gateway.order import Labels
from tests.api.conftest import Door
from tests.api.desk import AFTERCARE, GONE, KEEPS, NOBODY, RUN, WAITS, Desk, Ends, logged, waiting
from tests.support import paypal
from tests.support.sandbox import BAD_IBAN, Account
from tests.support.server import address, free_socket, serving
from tests.support.wait import PATIENCE_SECONDS

BATCH_SECONDS = 2
BECAME = "select status, cause from webhook_events where kind = $1 order by id desc limit 1"


@dataclass
class Scene:
    """A payment over PayPal, which tells of it by itself; `order` is its id there."""

    desk: Desk
    account: Account
    gateway: PayPalGateway
    order: str

    async def told(self) -> str:
        """Have the relay read whatever PayPal has told, and have it written; gives who was told of it."""
        await self.account.drain()
        heard = await self.desk.read()
        await self.desk.write()
        return heard

    async def became(self, kind: str) -> tuple[str, str]:
        """Say what the inbox has made of the newest event of a kind, and why."""
        row = await self.desk.door.judge.fetchrow(BECAME, kind)
        assert row, kind
        return row["status"], row["cause"]

    async def payment(self) -> str:
        """Name the payment as PayPal's own people do."""
        return str((await self.account.payments())[-1]["id"])


@pytest.fixture
async def scene(door: Door, sandbox_url: str) -> AsyncIterator[Scene]:
    """Have a booking wait for an order at PayPal, by which banks may take their time."""
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS) as http, aiohttp.ClientSession() as session:
        account, listening = Account(sandbox_url, http).at("paypal"), free_socket()
        roots = await paypal.roots_file(account)
        at_sandbox = {
            "paypal_client_id": account.key,
            "paypal_roots": str(roots),
            "paypal_api_base": f"{sandbox_url}/paypal",
        }
        async with serving(create_app(door.settings.model_copy(update=at_sandbox)), listening):
            await account.listen(f"{address(listening)}/api/v1/webhooks/paypal", paypal.WEBHOOK)
            booking, payment_id = await waiting(door), PaymentId(uuid7())
            whose = Labels(booking.tenant_id, booking.id, payment_id)
            gateway = _gateway(account, session, roots)
            order = await paypal.order(account, booking.due, custom_id=str(whose))
            desk = await Desk.opened(door, booking, payment_id, gateway, order)
            yield Scene(desk, account, gateway, order)


def _gateway(account: Account, session: aiohttp.ClientSession, roots: Path) -> PayPalGateway:
    return PayPalGateway(
        account="default",
        client_id=account.key,
        secret=paypal.SECRET,
        webhook_ids=[paypal.WEBHOOK],
        roots=roots.read_bytes(),
        http=session,
        api=f"{account.url}/paypal",
    )


async def approved(scene: Scene) -> None:
    await scene.account.pay(scene.order)


async def captured(scene: Scene) -> None:
    await scene.gateway.capture(scene.order, scene.desk.booking.due, op_key="capture")


async def approved_from_a_bank(scene: Scene) -> None:
    await scene.account.pay_by_debit(scene.order, BAD_IBAN)


async def declined(scene: Scene) -> None:
    await scene.account.settle(succeeds=False)


async def denied(scene: Scene) -> None:
    """The same, in the other word that PayPal has for it."""
    await scene.account.break_down("PAYMENT.CAPTURE.DECLINED", "webhook_swallow")
    await declined(scene)
    told = (await scene.account.told())[-1]
    await scene.account.retell(told["id"], {"event_type": "PAYMENT.CAPTURE.DENIED"})


async def confirmed(scene: Scene) -> None:
    await scene.told()
    await scene.desk.confirm()


async def refunded(scene: Scene) -> None:
    await scene.account.control(f"payments/{await scene.payment()}/refund")


async def reversed_(scene: Scene) -> None:
    await scene.account.control(f"payments/{await scene.payment()}/reverse")


async def paid_out(scene: Scene, receiver: str = "ann@shop.example") -> None:
    """Pay somebody out of what the booking has brought."""
    transfers = scene.gateway.transfers
    assert transfers is not None
    part = Money(minor=100, currency=scene.desk.booking.due.currency)
    await transfers.transfer(receiver, part, transfer_id="t", op_key="t:transfer:1")
    await scene.account.advance(seconds=BATCH_SECONDS)


async def paid_out_in_vain(scene: Scene) -> None:
    await paid_out(scene, "failed@shop.example")


Act = Callable[[Scene], Awaitable[None]]


class Row(NamedTuple):
    """What was before, what happens, and PayPal's word for it; then who is told, what becomes of the event,
    and how all of it stands.
    """

    before: tuple[Act, ...]
    act: Act
    kind: str
    heard: str
    became: tuple[str, str]
    ends: Ends
    payment: str
    mails: list[str]


BOOKED: tuple[Act, ...] = (approved, captured, confirmed)
UNDER_WAY: tuple[Act, ...] = (approved_from_a_bank, captured)
DONE, STILL = ("processed", ""), ("ignored", "moves_nothing")
PAID_OUT, IN_VAIN = ("ignored", "transfer_completed"), ("ignored", "transfer_failed")
BACK, AGAIN = ["payment_refunded"], ["payment_declined"]
TABLE = [
    Row((), approved, "CHECKOUT.ORDER.APPROVED", RUN, DONE, WAITS, "authorized", []),
    Row((approved,), captured, "PAYMENT.CAPTURE.COMPLETED", RUN, DONE, WAITS, "captured", []),
    Row((approved,), captured, "CHECKOUT.ORDER.COMPLETED", RUN, STILL, WAITS, "captured", []),
    Row((approved_from_a_bank,), captured, "PAYMENT.CAPTURE.PENDING", NOBODY, STILL, WAITS, "authorized", []),
    Row(UNDER_WAY, declined, "PAYMENT.CAPTURE.DECLINED", RUN, DONE, WAITS, "failed", AGAIN),
    Row(UNDER_WAY, denied, "PAYMENT.CAPTURE.DENIED", RUN, DONE, WAITS, "failed", AGAIN),
    Row(BOOKED, refunded, "PAYMENT.CAPTURE.REFUNDED", AFTERCARE, DONE, GONE, "captured", BACK),
    Row(BOOKED, reversed_, "PAYMENT.CAPTURE.REVERSED", AFTERCARE, DONE, GONE, "captured", BACK),
    Row(BOOKED, paid_out, "PAYMENT.PAYOUTS-ITEM.SUCCEEDED", NOBODY, PAID_OUT, KEEPS, "captured", []),
    Row(BOOKED, paid_out_in_vain, "PAYMENT.PAYOUTS-ITEM.FAILED", NOBODY, IN_VAIN, KEEPS, "captured", []),
]


@pytest.mark.row("WHK-20")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.kind)
async def test_an_event_does_what_the_table_says(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    for act in row.before:
        await act(scene)
    await scene.told()
    lines = logged(monkeypatch)

    await row.act(scene)
    heard = await scene.told()

    assert heard == row.heard
    assert await scene.became(row.kind) == row.became
    assert await scene.desk.stands() == (row.ends[0], row.payment, row.ends[1], row.mails)
    (taken,) = [line for line in lines if line.get("kind") == row.kind]
    assert taken["provider"] == "paypal"
