"""Payouts at Adyen: money sent from the balance account of somebody we pay to their bank.

A payee is a balance account and the transfer instrument of its bank: `BA…/SE…`. What is theirs of a payment
is put to their balance as it is taken (`split.py`), so nothing is moved from our balance to theirs: that is
refused as `not_offered`. Where a payout stands can be asked, and is told to whoever listens to the platform.
Source: Adyen, "Transfers API" v4 and "Transfer webhooks".
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

import structlog

from domain.money import Money
from providers.adyen_gateway import reference
from providers.adyen_gateway.amount import from_adyen, to_adyen
from providers.adyen_gateway.client import AdyenClient
from providers.adyen_gateway.fact import Json, instant
from providers.gateway import NeedsFunds, NotFound, OutcomeUnknown, Refused
from providers.transfer import PaidOut, PayoutStatus, Transferred

CATEGORY, NO_FUNDS, REFUSED = "bank", "notEnoughBalance", "refused"
# How far back an earlier call is looked for, and how far Adyen's clock may be ahead.
EARLIER, AHEAD = timedelta(days=30), timedelta(days=1)
MOST = 100

# A word that we do not know is on its way.
PAYOUTS = {
    "received": PayoutStatus.PENDING,
    "pending": PayoutStatus.PENDING,
    "authorised": PayoutStatus.IN_TRANSIT,
    "booked": PayoutStatus.PAID,
    "credited": PayoutStatus.PAID,
    "refused": PayoutStatus.FAILED,
    "rejected": PayoutStatus.FAILED,
    "failed": PayoutStatus.FAILED,
    "returned": PayoutStatus.FAILED,
    "expired": PayoutStatus.FAILED,
    "error": PayoutStatus.FAILED,
    "cancelled": PayoutStatus.CANCELLED,
}
_TROUBLE = (KeyError, TypeError, ValueError, AttributeError)

log = structlog.get_logger(__name__)


class AdyenTransfers:
    """What is paid out on our platform; `now` tells the time."""

    def __init__(self, client: AdyenClient, now: Callable[[], datetime]) -> None:
        self._client, self._now, self._api = client, now, client.transfers

    async def transfer(self, payee: str, amount: Money, *, transfer_id: str, op_key: str) -> Transferred:  # noqa: ARG002 - the protocol's
        """Refuse: what a payee has was put to their balance as it was paid."""
        raise Refused("not_offered")

    async def find_transfer(self, payee: str, *, transfer_id: str) -> Transferred | None:  # noqa: ARG002 - the protocol's
        """Find nothing: there is none."""
        return None

    async def fetch_transfer(self, provider_ref: str) -> Transferred:  # noqa: ARG002 - the protocol's
        """Refuse: there is none."""
        raise Refused("not_offered")

    async def reverse_transfer(self, provider_ref: str, amount: Money, *, op_key: str) -> Transferred:  # noqa: ARG002 - the protocol's
        """Refuse: there is none."""
        raise Refused("not_offered")

    async def pay_out(self, payee: str, amount: Money, *, payout_id: str, op_key: str) -> PaidOut:
        """Send money from a payee's balance account to their bank; what is refused stays so under its key."""
        account, instrument = _read(payee)
        wish = {
            "amount": to_adyen(amount),
            "balanceAccountId": account,
            "category": CATEGORY,
            "counterparty": {"transferInstrumentId": instrument},
            "priority": "regular",
            "reference": reference.of_payout(payout_id),
        }
        told = await self._client.post("pay_out", self._api.transfer_funds, wish, key=op_key)
        sent = understood(told)
        if told["status"] == REFUSED:
            raise NeedsFunds("balance_too_small") if sent.failure == NO_FUNDS else Refused("not_paid_out")
        return sent

    async def find_payout(self, payee: str, *, payout_id: str) -> PaidOut | None:
        """Look through what has left a payee's balance account lately."""
        now = self._now()
        listed = await self._client.look(
            "find_payout",
            self._api.get_all_transfers,
            balanceAccountId=_read(payee)[0],
            reference=reference.of_payout(payout_id),
            createdSince=_written(now - EARLIER),
            createdUntil=_written(now + AHEAD),
            limit=str(MOST),
        )
        try:
            found = [paid_out(each) for each in listed["data"]]
        except _TROUBLE:
            raise OutcomeUnknown("not_understood") from None
        return next((each for each in found if each.payout_id == payout_id), None)

    async def fetch_payout(self, payee: str, provider_ref: str) -> PaidOut:
        """Tell where a payout of this payee's stands."""
        asking = partial(self._api.get_transfer, quote(provider_ref, safe=""))
        told = await self._client.look("fetch_payout", asking)
        sent = understood(told)
        if (told.get("balanceAccount") or {}).get("id") != _read(payee)[0]:
            raise NotFound("not_this_payees")
        return sent


def understood(told: Json) -> PaidOut:
    """Read a transfer. Raises OutcomeUnknown for one that is not understood."""
    try:
        return paid_out(told)
    except _TROUBLE:
        raise OutcomeUnknown("not_understood") from None


def paid_out(told: Json) -> PaidOut:
    """Read a transfer to a bank; raises ValueError and its like for one of another shape."""
    status = PAYOUTS.get(told["status"])
    if status is None:
        log.warning("a transfer of an unknown status", status=str(told["status"])[:64])
        status = PayoutStatus.PENDING
    arrives = (told.get("tracking") or {}).get("estimatedArrivalTime")
    return PaidOut(
        provider_ref=told["id"],
        status=status,
        amount=from_adyen(told["amount"]["value"], told["amount"]["currency"]),
        arrives_on=instant(arrives) if arrives else None,
        failure=str(told.get("reason") or "unknown") if status is PayoutStatus.FAILED else None,
        payout_id=reference.read_payout(told.get("reference")),
    )


def _read(payee: str) -> tuple[str, str]:
    """Read a payee: their balance account, and the transfer instrument of their bank.

    Raises Refused for one that has no bank.
    """
    account, _, instrument = payee.partition("/")
    if not (account and instrument):
        raise Refused("payee_has_no_bank")
    return account, instrument


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
