"""PayPal's payouts: one receiver to a batch, so that a batch is a transfer.

A receiver is paid at once and in one step, by email address or PayPal's own id. The batch carries our id of
the transfer, which PayPal takes once in thirty days: asked again it says which batch that was.
Source: PayPal, "Payouts v1".
"""

from collections.abc import Callable, Mapping

from domain.money import Money
from providers.gateway import OutcomeUnknown, Refused, StateConflict
from providers.paypal_gateway.amount import from_paypal, to_paypal
from providers.paypal_gateway.client import Json, PayPalClient, understood
from providers.paypal_gateway.trouble import MadeBefore
from providers.transfer import PaidOut, Transferred, TransferStatus

BATCHES, ITEMS = "/v1/payments/payouts", "/v1/payments/payouts-item"

# A status word that we do not know is pending; ONHOLD and UNCLAIMED may yet arrive.
STATUSES = {
    "SUCCESS": TransferStatus.COMPLETED,
    "FAILED": TransferStatus.FAILED,
    "DENIED": TransferStatus.FAILED,
    "BLOCKED": TransferStatus.FAILED,
    "CANCELED": TransferStatus.FAILED,
    "RETURNED": TransferStatus.RETURNED,
    "REFUNDED": TransferStatus.RETURNED,
    "REVERSED": TransferStatus.RETURNED,
}
# Of a batch that is done only its items say what became of them.
BATCH_STATUSES = {"DENIED": TransferStatus.FAILED, "CANCELED": TransferStatus.FAILED}


class PayPalTransfers:
    """What one account pays to others; a reference is a batch's id."""

    def __init__(self, client: PayPalClient) -> None:
        self._client = client

    async def transfer(self, payee: str, amount: Money, *, transfer_id: str, op_key: str) -> Transferred:
        """Pay a receiver: an email address, or PayPal's id of an account."""
        money = to_paypal(amount)
        wish = {
            "sender_batch_header": {"sender_batch_id": transfer_id},
            "items": [
                {
                    "recipient_type": "EMAIL" if "@" in payee else "PAYPAL_ID",
                    "receiver": payee,
                    "amount": {"currency": money["currency_code"], "value": money["value"]},
                    "sender_item_id": transfer_id,
                }
            ],
        }
        try:
            made = await self._client.ask("transfer", "POST", BATCHES, wish, key=op_key)
        except MadeBefore as before:
            if not before.payout_batch_id:
                raise
            return await self.fetch_transfer(before.payout_batch_id)
        with understood():
            batch_id = str(made["batch_header"]["payout_batch_id"])
        return Transferred(
            provider_ref=batch_id,
            status=TransferStatus.PENDING,
            amount=amount,
            reversed_amount=Money(minor=0, currency=amount.currency),
            transfer_id=transfer_id,
        )

    async def find_transfer(self, payee: str, *, transfer_id: str) -> Transferred | None:  # noqa: ARG002 - the protocol's
        """Find nothing: PayPal lists no batches. Paid again under its id it gives the one that was made."""
        return None

    async def fetch_transfer(self, provider_ref: str) -> Transferred:
        """Tell where a transfer stands."""
        batch = await self._client.ask("fetch_transfer", "GET", f"{BATCHES}/{provider_ref}")
        with understood():
            return _transferred(batch)

    async def reverse_transfer(self, provider_ref: str, amount: Money, *, op_key: str) -> Transferred:
        """Take back what nobody has claimed yet, all of it; what was claimed is the receiver's for good."""
        batch = await self._client.ask("fetch_transfer", "GET", f"{BATCHES}/{provider_ref}")
        with understood():
            (item,), stands = batch["items"], _transferred(batch)
            item_id, unclaimed = item["payout_item_id"], item["transaction_status"] == "UNCLAIMED"
        if stands.status is TransferStatus.RETURNED and stands.reversed_amount == amount:
            return stands
        if not unclaimed:
            raise StateConflict("claimed_already")
        if amount != stands.amount:
            raise Refused("not_divisible")
        await self._client.ask("reverse_transfer", "POST", f"{ITEMS}/{item_id}/cancel", key=op_key)
        return await self.fetch_transfer(provider_ref)

    async def pay_out(self, payee: str, amount: Money, *, payout_id: str, op_key: str) -> PaidOut:  # noqa: ARG002 - the protocol's
        """Refuse: what a receiver was paid is theirs, and they move it themselves."""
        raise Refused("not_offered")

    async def find_payout(self, payee: str, *, payout_id: str) -> PaidOut | None:  # noqa: ARG002 - the protocol's
        """Find nothing: there is none."""
        return None

    async def fetch_payout(self, payee: str, provider_ref: str) -> PaidOut:  # noqa: ARG002 - the protocol's
        """Refuse: there is none."""
        raise Refused("not_offered")


def of_batch(batch: Json) -> Transferred:
    """Read what is told of a batch, whose items are told of each by itself."""
    header = batch["batch_header"]
    return _standing(
        header["payout_batch_id"],
        BATCH_STATUSES.get(header["batch_status"], TransferStatus.PENDING),
        header["amount"],
        header["sender_batch_header"].get("sender_batch_id"),
    )


def of_item(item: Json) -> Transferred:
    """Read an item, which is all that there is in its batch."""
    status = STATUSES.get(item["transaction_status"], TransferStatus.PENDING)
    paid = item["payout_item"]
    return _standing(item["payout_batch_id"], status, paid["amount"], paid.get("sender_item_id"))


def _transferred(batch: Json) -> Transferred:
    items = batch.get("items") or []
    if not items:  # taken, and not looked at yet
        raise OutcomeUnknown("not_understood")
    (item,) = items
    return of_item(item)


def _standing(batch_id: str, status: TransferStatus, written: Json, transfer_id: str | None) -> Transferred:
    amount = from_paypal({"currency_code": written["currency"], "value": written["value"]})
    back = amount if status is TransferStatus.RETURNED else Money(minor=0, currency=amount.currency)
    return Transferred(
        provider_ref=batch_id, status=status, amount=amount, reversed_amount=back, transfer_id=transfer_id
    )


# What is told of payouts, and how it is read.
TELLS: Mapping[str, Callable[[Json], Transferred]] = {
    **{f"PAYMENT.PAYOUTSBATCH.{what}": of_batch for what in ("PROCESSING", "SUCCESS", "DENIED")},
    **{
        f"PAYMENT.PAYOUTS-ITEM.{what}": of_item
        for what in (
            *("SUCCEEDED", "FAILED", "DENIED", "BLOCKED", "CANCELED"),
            *("HELD", "UNCLAIMED", "RETURNED", "REFUNDED"),
        )
    },
}
