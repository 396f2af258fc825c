"""Payouts: money sent to receivers, many in a batch; each may stay unclaimed, fail, or come back.

    batch PENDING -> SUCCESS | DENIED
    item  PENDING -> SUCCESS | UNCLAIMED -> RETURNED | FAILED | ONHOLD | BLOCKED

What becomes of an item is ordered by its receiver's name: `unclaimed@…`, `failed@…`, `held@…`, `blocked@…`.
Source: PayPal, "Payouts v1".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sandbox import ledger
from sandbox.paypal import amount, money, query, shape
from sandbox.paypal.call import Call, instant, link, without_empty
from sandbox.paypal.error import PayPalError, no_such, unplayed
from sandbox.record import Json, Record
from sandbox.work import Work

BATCHES, ITEMS = "/v1/payments/payouts", "/v1/payments/payouts-item"
PROCESS_JOB, RETURN_JOB = "payout.process", "payout.return"
FEE = 25
PROCESSED_AFTER_SECONDS = 1
UNCLAIMED_SECONDS = DUPLICATE_SECONDS = 30 * 24 * 3600
ENDS: Mapping[str, str] = {
    "unclaimed": "UNCLAIMED",
    "failed": "FAILED",
    "held": "ONHOLD",
    "blocked": "BLOCKED",
}
# Items of these have left the balance.
PAID = frozenset({"SUCCESS", "UNCLAIMED", "ONHOLD"})
FAILURES: Mapping[str, tuple[str, str]] = {
    "FAILED": ("RECEIVER_ACCOUNT_LOCKED", "We were not able to send a payout: the account is locked."),
    "BLOCKED": ("RECEIVER_REFUSED", "The receiver takes no payments of this kind."),
    "UNCLAIMED": ("RECEIVER_UNREGISTERED", "The receiver has no account; an email tells how to open one."),
}
EVENTS: Mapping[str, str] = {"SUCCESS": "SUCCEEDED", "ONHOLD": "HELD"}


@dataclass(kw_only=True)
class Batch(Record):
    """Many payments that were asked for at once, in one currency; amounts in minor units."""

    kind: ClassVar[str] = "payout_batch"

    sender_batch_id: str
    currency: str
    total: int
    status: str = "PENDING"
    completed: int | None = None
    subject: str | None = None


@dataclass(kw_only=True)
class Item(Record):
    """One payment of a batch, in minor units; `own_id` is the sender's."""

    kind: ClassVar[str] = "payout_item"

    batch: str
    receiver: str
    receiver_type: str
    amount: int
    currency: str
    status: str = "PENDING"
    own_id: str | None = None
    note: str | None = None
    fee: int = 0
    movement: str | None = None
    processed: int | None = None

    @property
    def parent(self) -> str:
        """Return the batch."""
        return self.batch


def create(call: Call) -> Batch:
    """Take a batch, to be paid a moment later; an id that was used in the last 30 days is refused."""
    work, wish = call.work, call.body
    header: shape.BatchHeader = wish.sender_batch_header
    _refuse_twin(work, header.sender_batch_id)
    counted = [_counted(each, f"/items/{position}/amount") for position, each in enumerate(wish.items)]
    currency = counted[0][1]
    if any(its != currency for _, its in counted):
        raise unplayed("/items")
    total = sum(minor for minor, _ in counted)
    if total + FEE * len(counted) > money.balance(work, currency):
        raise PayPalError("INSUFFICIENT_FUNDS")
    batch = Batch(
        id=work.new_id("payout_batch"),
        account=work.account.id,
        created=work.now,
        sender_batch_id=header.sender_batch_id,
        currency=currency,
        total=total,
        subject=header.email_subject,
    )
    work.add(batch)
    for each, (minor, _) in zip(wish.items, counted, strict=True):
        kind = each.recipient_type or header.recipient_type or "EMAIL"
        work.add(_item(work, batch, each, kind, minor))
    work.later(PROCESS_JOB, batch.id, work.now + PROCESSED_AFTER_SECONDS)
    work.tell("payout_batch.processing", batch)
    return batch


def _item(work: Work, batch: Batch, wish: shape.PayoutWish, receiver_type: str, minor: int) -> Item:
    return Item(
        id=work.new_id("payout_item"),
        account=work.account.id,
        created=work.now,
        batch=batch.id,
        receiver=wish.receiver,
        receiver_type=receiver_type,
        amount=minor,
        currency=batch.currency,
        own_id=wish.sender_item_id,
        note=wish.note,
    )


def _refuse_twin(work: Work, sender_batch_id: str) -> None:
    for each in work.store.all(Batch, work.account.id):
        if each.sender_batch_id == sender_batch_id and each.created + DUPLICATE_SECONDS > work.now:
            detail = {
                "field": "SENDER_BATCH_ID",
                "location": "body",
                "issue": "Batch with given sender_batch_id already exists",
                "link": [link(work, f"{BATCHES}/{each.id}", "self")],
            }
            raise PayPalError("USER_BUSINESS_ERROR", detail)


def _counted(wish: shape.PayoutWish, field: str) -> tuple[int, str]:
    written = shape.Amount(currency_code=wish.amount.currency, value=wish.amount.value)
    return amount.positive(written, field)


def process(work: Work, batch_id: str) -> None:
    """Pay what the balance still allows: the whole batch, or nothing of it."""
    batch = work.get(Batch, batch_id)
    items = work.store.children(Item, batch.id)
    enough = batch.total + FEE * len(items) <= money.balance(work, batch.currency)
    batch.status, batch.completed = "SUCCESS" if enough else "DENIED", work.now
    work.save(batch)
    for each in items:
        _paid(work, each, ENDS.get(each.receiver.partition("@")[0], "SUCCESS") if enough else "DENIED")
    work.tell("payout_batch.success" if enough else "payout_batch.denied", batch)


def _paid(work: Work, item: Item, status: str) -> None:
    item.status, item.processed = status, work.now
    if status in PAID:
        item.fee = FEE
        item.movement = ledger.move(
            work, "transfer", source=item.id, currency=item.currency, amount=-item.amount, fee=FEE
        ).id
    if status == "UNCLAIMED":
        work.later(RETURN_JOB, item.id, work.now + UNCLAIMED_SECONDS)
    work.save(item)
    work.tell(f"payout_item.{EVENTS.get(status, status).lower()}", item)


def return_in_time(work: Work, item_id: str) -> None:
    """Take back what nobody has claimed."""
    item = work.get(Item, item_id)
    if item.status == "UNCLAIMED":
        _returned(work, item)


def cancel(call: Call) -> Item:
    """Take back what nobody has claimed yet."""
    item = call.work.get(Item, call.id)
    if item.status != "UNCLAIMED":
        detail = {"issue": "Only unclaimed payouts can be cancelled.", "field": "/status", "location": "path"}
        raise PayPalError("USER_BUSINESS_ERROR", detail)
    _returned(call.work, item)
    return item


def _returned(work: Work, item: Item) -> None:
    item.status, fee, item.fee = "RETURNED", item.fee, 0
    work.save(item)
    ledger.move(
        work, "transfer_reversal", source=item.id, currency=item.currency, amount=item.amount, fee=-fee
    )
    work.tell("payout_item.returned", item)


def retrieve(call: Call) -> Json:
    """Return a batch with a page of its items."""
    work, asked = call.work, call.query
    query.check_names(asked, frozenset({"page", "page_size", "total_required", "fields"}))
    page, size = query.count(asked, "page", 1, 1000), query.count(asked, "page_size", 1000, 1000)
    batch = work.get(Batch, call.id)
    items = work.store.children(Item, batch.id)
    totals = (
        {"total_items": len(items), "total_pages": -(-len(items) // size)}
        if asked.get("total_required") == "true"
        else {}
    )
    return show_header(work, batch) | {
        "items": [show_item(work, each) for each in items[(page - 1) * size : page * size]],
        **totals,
    }


def item(call: Call) -> Item:
    """Return one payment of a batch."""
    found = call.work.get(Item, call.id)
    if found.status == "PENDING":  # known to its batch alone, until it is paid
        raise no_such()
    return found


def show_header(work: Work, batch: Batch) -> Json:
    """Return a batch without its items."""
    fees = sum(each.fee for each in work.store.children(Item, batch.id))
    return {
        "batch_header": without_empty(
            payout_batch_id=batch.id,
            batch_status=batch.status,
            time_created=instant(batch.created),
            time_completed=None if batch.completed is None else instant(batch.completed),
            sender_batch_header=without_empty(
                sender_batch_id=batch.sender_batch_id, email_subject=batch.subject
            ),
            funding_source="BALANCE",
            amount=_shown(batch.total, batch.currency),
            fees=_shown(fees, batch.currency),
        ),
        "links": [link(work, f"{BATCHES}/{batch.id}", "self")],
    }


def show_told(work: Work, batch: Batch) -> Json:
    """Return a batch as its events show it: without its items, but with how many they are."""
    shown = show_header(work, batch)
    shown["batch_header"]["payments"] = len(work.store.children(Item, batch.id))
    return shown


def show_item(work: Work, item: Item) -> Json:
    """Return one payment of a batch."""
    failure = FAILURES.get(item.status)
    batch = work.get(Batch, item.batch)
    return without_empty(
        payout_item_id=item.id,
        transaction_id=item.movement,
        transaction_status=item.status,
        payout_item_fee=_shown(item.fee, item.currency),
        payout_batch_id=item.batch,
        sender_batch_id=batch.sender_batch_id,
        payout_item=without_empty(
            recipient_type=item.receiver_type,
            amount=_shown(item.amount, item.currency),
            note=item.note,
            receiver=item.receiver,
            sender_item_id=item.own_id,
        ),
        time_processed=None if item.processed is None else instant(item.processed),
        errors=failure and {"name": failure[0], "message": failure[1]},
        links=[link(work, f"{ITEMS}/{item.id}", "item"), link(work, f"{BATCHES}/{item.batch}", "batch")],
    )


def _shown(minor: int, currency: str) -> Json:
    """Return an amount in the words of payouts, which say `currency`."""
    return {"currency": currency, "value": amount.shown(minor, currency)["value"]}
