"""Orders: what a buyer approves on PayPal's page, and a merchant then captures or authorizes.

An order that nobody has completed is gone after three hours: PayPal does not know its id any more.
"""

import re
from collections.abc import Iterator

from pydantic import ValidationError

from sandbox import checkout as checkouts
from sandbox.checkout import Checkout
from sandbox.paypal import amount, money, shape
from sandbox.paypal.call import Call, instant, link, without_empty
from sandbox.paypal.error import no_such, unplayed, unprocessable
from sandbox.record import Json
from sandbox.work import Work

LIFE_SECONDS = 3 * 3600
HONOURED_SECONDS = 29 * 24 * 3600
PAYER = {"name": {"given_name": "Test", "surname": "Buyer"}, "address": {"country_code": "AT"}}
_PATH = re.compile(r"/purchase_units/@reference_id=='([^']{1,256})'/(\w+)")
_TEXTS = ("custom_id", "invoice_id", "description", "soft_descriptor")


def create(call: Call) -> Checkout:
    """Make an order; with `payment_source`, one whose buyer is awaited by name."""
    wish: shape.OrderWish = call.body
    if len(wish.purchase_units) > 1:
        raise unplayed("/purchase_units/1")
    unit = wish.purchase_units[0]
    total, currency = amount.positive(unit.amount, "/purchase_units/0/amount")
    _check_sum(unit, total, currency)
    work, source = call.work, wish.payment_source
    context = (source.paypal.experience_context if source else wish.application_context) or shape.Context()
    order = Checkout(
        id=work.new_id("checkout"),
        account=work.account.id,
        created=work.now,
        amount=total,
        currency=currency,
        expires_at=work.now + LIFE_SECONDS,
        success_url=context.return_url or "",
        cancel_url=context.cancel_url,
        approval=True,
        capture="manual" if wish.intent == "AUTHORIZE" else "automatic",
        hold_seconds=HONOURED_SECONDS,
        takes=["card"] if context.immediate else ["card", "debit"],
        reference=unit.custom_id,
        email=source.paypal.email_address if source else None,
        lines=list(_lines(unit, total, currency)),
        about={
            "intent": wish.intent,
            "unit": unit.model_dump(include={"reference_id", *_TEXTS}, exclude_none=True),
            "awaits_payer": source is not None,
        },
    )
    return checkouts.open_checkout(work, order)


def _check_sum(unit: shape.Unit, total: int, currency: str) -> None:
    """Refuse a breakdown or items that do not add up to the amount."""
    field = "/purchase_units/0/amount/breakdown"
    parts = unit.amount.breakdown
    if unit.items and (parts is None or parts.item_total is None):
        raise unprocessable("ITEM_TOTAL_REQUIRED", f"{field}/item_total")
    if parts is None:
        return
    reckoned = 0
    for name in type(parts).model_fields:
        part = getattr(parts, name)
        if part is not None:
            minor, its = amount.read(part, f"{field}/{name}")
            if its != currency:
                raise unprocessable("CURRENCY_MISMATCH", f"{field}/{name}")
            reckoned += -minor if name.endswith("discount") else minor
    if reckoned != total:
        raise unprocessable("AMOUNT_MISMATCH", "/purchase_units/0/amount/value")


def _lines(unit: shape.Unit, total: int, currency: str) -> Iterator[Json]:
    """Return what the buyer's page lists."""
    for position, item in enumerate(unit.items or ()):
        each, its = amount.read(item.unit_amount, f"/purchase_units/0/items/{position}/unit_amount")
        quantity = int(item.quantity)
        yield _line(item.name, quantity, each * quantity, its)
    if not unit.items:
        yield _line(unit.description or "Purchase", 1, total, currency)


def _line(description: str, quantity: int, total: int, currency: str) -> Json:
    return {"description": description, "quantity": quantity, "amount_total": total, "currency": currency}


def found(work: Work, order_id: str) -> Checkout:
    """Return an order; one that has lapsed is gone."""
    order = work.get(Checkout, order_id)
    if order.status == "expired":
        raise no_such()
    return order


def retrieve(call: Call) -> Checkout:
    """Return one order."""
    return found(call.work, call.id)


def patch(call: Call) -> None:
    """Change what an order says of its purchase, until it is completed."""
    order = found(call.work, call.id)
    if status(order) not in ("CREATED", "APPROVED"):
        raise unprocessable("ORDER_ALREADY_CAPTURED" if order.status == "complete" else "NOT_PATCHABLE")
    for position, change in enumerate(call.body):
        _change(order, change, f"/{position}")
    order.reference = order.about["unit"].get("custom_id")
    call.work.save(order)


def _change(order: Checkout, change: shape.Patch, field: str) -> None:
    match, unit = _PATH.fullmatch(change.path), order.about["unit"]
    if match is None or match[1] != unit["reference_id"] or match[2] not in _TEXTS:
        raise unprocessable("NOT_PATCHABLE", f"{field}/path")
    name = match[2]
    if change.op == "remove":
        unit.pop(name, None)
        return
    try:
        shape.Texts.model_validate({name: change.value})
    except ValidationError as error:
        raise shape.refusal(error) from None
    unit[name] = change.value


def capture(call: Call) -> Checkout:
    """Take the money of an approved order."""
    return _completed(call, "CAPTURE", "ORDER_ALREADY_CAPTURED")


def authorize(call: Call) -> Checkout:
    """Hold the money of an approved order."""
    return _completed(call, "AUTHORIZE", "ORDER_ALREADY_AUTHORIZED")


def _completed(call: Call, intent: str, done: str) -> Checkout:
    work, order = call.work, found(call.work, call.id)
    if order.about["intent"] != intent:
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT")
    if order.status == "complete":
        raise unprocessable(done)
    if order.status != "approved":
        raise unprocessable("ORDER_NOT_APPROVED")
    invoice = order.about["unit"].get("invoice_id")
    if invoice is not None and _is_used(work, order, invoice):
        raise unprocessable("DUPLICATE_INVOICE_ID", "/purchase_units/@reference_id=='default'/invoice_id")
    if checkouts.take(work, order) == "declined":
        raise unprocessable("INSTRUMENT_DECLINED", keeps=True)
    return work.get(Checkout, order.id)


def _is_used(work: Work, order: Checkout, invoice: str) -> bool:
    """Return whether another order was the first to be paid under this invoice."""
    return work.store.meta(f"invoice of {work.account.id}: {invoice}", order.id) != order.id


def status(order: Checkout) -> str:
    """Return where an order stands, in PayPal's word."""
    if order.status == "open":
        return "PAYER_ACTION_REQUIRED" if order.about["awaits_payer"] else "CREATED"
    return {"approved": "APPROVED", "complete": "COMPLETED", "expired": "VOIDED"}[order.status]


def render(work: Work, order: Checkout) -> Json:
    """Return an order with all that has become of it."""
    unit = order.about["unit"]
    payer = None if order.buyer is None else PAYER | {"email_address": order.buyer.get("email")}
    paid = money.payments_shown(work, order)
    return without_empty(
        id=order.id,
        intent=order.about["intent"],
        status=status(order),
        payment_source=None if payer is None else {"paypal": payer | {"account_id": "TESTBUYER0001"}},
        purchase_units=[
            without_empty(
                reference_id=unit["reference_id"],
                amount=amount.shown(order.amount, order.currency),
                payee={"merchant_id": work.account.id},
                **{name: unit.get(name) for name in _TEXTS},
                payments=paid or None,
            )
        ],
        payer=None if payer is None else payer | {"payer_id": "TESTBUYER0001"},
        create_time=instant(order.created),
        update_time=instant(work.now),
        links=links(work, order),
    )


def links(work: Work, order: Checkout) -> list[Json]:
    """Return where to go on from an order."""
    path = f"{money.ORDERS}/{order.id}"
    shown = [link(work, path, "self")]
    if order.status == "complete":
        return shown
    page = {"href": address(work, order), "method": "GET"}
    if order.about["awaits_payer"]:
        return [*shown, page | {"rel": "payer-action"}]
    action = order.about["intent"].lower()
    return [
        *shown,
        page | {"rel": "approve"},
        link(work, path, "update", "PATCH"),
        link(work, f"{path}/{action}", action, "POST"),
    ]


def address(work: Work, order: Checkout) -> str:
    """Return where the buyer approves."""
    return f"{work.world.public_url}/pay/{order.id}?token={order.id}"
