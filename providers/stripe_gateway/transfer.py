"""Transfers to connected accounts, and their payouts.

Money that was paid to us is moved when it is owed, apart from the charge it came with (Stripe: "Separate
charges and transfers"); a payee is a connected account.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stripe import V1Services

from domain.money import Money
from providers.gateway import Refused, StateConflict
from providers.stripe_gateway.amount import from_stripe, to_stripe
from providers.stripe_gateway.call import Call, each
from providers.stripe_gateway.fact import Json, instant
from providers.transfer import PaidOut, PayoutStatus, Transferred, TransferStatus

# Two decimals when paid, none when paid out.
WHOLE_PAYOUTS = frozenset({"HUF", "TWD"})

# A word that we do not know is on its way.
PAYOUTS = {
    "pending": PayoutStatus.PENDING,
    "in_transit": PayoutStatus.IN_TRANSIT,
    "paid": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
    "canceled": PayoutStatus.CANCELLED,
}


class StripeTransfers:
    """What one account pays to others; `call` waits for Stripe's answer, in the gateway's words."""

    def __init__(self, stripe: V1Services, call: Call) -> None:
        self._stripe, self._call = stripe, call

    async def transfer(self, payee: str, amount: Money, *, transfer_id: str, op_key: str) -> Transferred:
        """Move money to a connected account. Stripe does it at once, or not at all."""
        making = self._stripe.transfers.create_async(
            {
                "amount": to_stripe(amount),
                "currency": amount.currency.lower(),
                "destination": payee,
                "metadata": {"transfer_id": transfer_id},
            },
            {"idempotency_key": op_key},
        )
        return _transferred(await self._call("transfer", making))

    async def find_transfer(self, payee: str, *, transfer_id: str) -> Transferred | None:
        """Look through what went to a connected account, the newest first."""
        listed = each(self._call, "find_transfer", self._stripe.transfers.list_async, {"destination": payee})
        async for transfer in listed:
            if _label(transfer, "transfer_id") == transfer_id:
                return _transferred(transfer)
        return None

    async def fetch_transfer(self, provider_ref: str) -> Transferred:
        """Tell how much of a transfer was taken back."""
        asking = self._stripe.transfers.retrieve_async(provider_ref)
        return _transferred(await self._call("fetch_transfer", asking))

    async def reverse_transfer(self, provider_ref: str, amount: Money, *, op_key: str) -> Transferred:
        """Take money back from a connected account; of what is too much Stripe says only that it is wrong."""
        taking = self._stripe.transfers.reversals.create_async(
            provider_ref, {"amount": to_stripe(amount)}, {"idempotency_key": op_key}
        )
        try:
            await self._call("reverse_transfer", taking)
        except Refused:
            there = await self.fetch_transfer(provider_ref)
            if there.amount - there.reversed_amount >= amount:
                raise
            raise StateConflict("less_is_left") from None
        return await self.fetch_transfer(provider_ref)

    async def pay_out(self, payee: str, amount: Money, *, payout_id: str, op_key: str) -> PaidOut:
        """Send money from a connected account's balance to its bank."""
        if amount.currency in WHOLE_PAYOUTS and amount.minor % 100:
            raise Refused("amount_not_exact")
        sending = self._stripe.payouts.create_async(
            {
                "amount": to_stripe(amount),
                "currency": amount.currency.lower(),
                "metadata": {"payout_id": payout_id},
            },
            {"idempotency_key": op_key, "stripe_account": payee},
        )
        return _paid_out(await self._call("pay_out", sending))

    async def find_payout(self, payee: str, *, payout_id: str) -> PaidOut | None:
        """Look through a connected account's payouts, the newest first."""

        async def listing(params: Any) -> object:
            return await self._stripe.payouts.list_async(params, {"stripe_account": payee})

        async for payout in each(self._call, "find_payout", listing, {}):
            if _label(payout, "payout_id") == payout_id:
                return _paid_out(payout)
        return None

    async def fetch_payout(self, payee: str, provider_ref: str) -> PaidOut:
        """Tell where a connected account's payout stands."""
        asking = self._stripe.payouts.retrieve_async(provider_ref, {}, {"stripe_account": payee})
        return _paid_out(await self._call("fetch_payout", asking))


def _transferred(transfer: Json) -> Transferred:
    return Transferred(
        provider_ref=transfer["id"],
        status=TransferStatus.COMPLETED,
        amount=from_stripe(transfer["amount"], transfer["currency"]),
        reversed_amount=from_stripe(transfer["amount_reversed"], transfer["currency"]),
        transfer_id=_label(transfer, "transfer_id"),
    )


def _paid_out(payout: Json) -> PaidOut:
    return PaidOut(
        provider_ref=payout["id"],
        status=PAYOUTS.get(payout["status"], PayoutStatus.PENDING),
        amount=from_stripe(payout["amount"], payout["currency"]),
        arrives_on=instant(payout["arrival_date"]) if payout.get("arrival_date") else None,
        failure=payout.get("failure_code"),
        payout_id=_label(payout, "payout_id"),
    )


def _label(labelled: Json, name: str) -> str | None:
    """Read our own id of a transfer or payout; nothing for one that we did not make."""
    label: str | None = (labelled.get("metadata") or {}).get(name)
    return label


# What is told of transfers in our own account, and of payouts in the accounts that are connected to it.
TELLS: Mapping[str, Callable[[Json], Transferred]] = {
    f"transfer.{what}": _transferred for what in ("created", "updated", "reversed")
}
TELLS_CONNECTED: Mapping[str, Callable[[Json], PaidOut]] = {
    f"payout.{what}": _paid_out for what in ("created", "updated", "paid", "failed", "canceled")
}
