"""Line items: what a checkout session sells."""

import stripe

from sandbox.checkout import Checkout
from sandbox.record import Json
from sandbox.stripe import listing, money
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import invalid, missing, no_such

MAX_LINES, MAX_QUANTITY = 100, 999_999


def read(call: Call) -> list[Json]:
    """Return the lines a call sells, each as Stripe shows it, or raise."""
    given = call.params["line_items"]
    if len(given) > MAX_LINES:
        raise invalid(f"You may only specify up to {MAX_LINES} line items.", "line_items")
    lines = [_line(call, item, f"line_items[{position}]") for position, item in enumerate(given)]
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("All prices must use the same currency.", "line_items")
    return lines


def _line(call: Call, item: Json, name: str) -> Json:
    if item.get("price") is not None:
        raise no_such("price", item["price"], f"{name}[price]", status=400)
    price = item.get("price_data")
    if price is None:
        raise missing(f"{name}[price_data]")
    product, unit = price.get("product_data"), price.get("unit_amount")
    if product is None:
        raise missing(f"{name}[price_data][product_data]")
    if unit is None:
        raise missing(f"{name}[price_data][unit_amount]")
    quantity = item.get("quantity", 1)
    if unit < 0 or not 1 <= quantity <= 999_999:
        raise invalid(
            "Invalid non-negative integer",
            f"{name}[quantity]" if unit >= 0 else f"{name}[price_data][unit_amount]",
            "parameter_invalid_integer",
        )
    currency = money.check_currency(price["currency"], f"{name}[price_data][currency]")
    shown = filled(
        stripe.Price,
        id=call.work.new_id("price"),
        object="price",
        active=False,
        billing_scheme="per_unit",
        created=call.work.now,
        currency=currency,
        livemode=False,
        metadata={},
        product=call.work.new_id("product"),
        tax_behavior="unspecified",
        type="one_time",
        unit_amount=unit,
        unit_amount_decimal=str(unit),
    )
    total = unit * quantity
    return filled(
        stripe.LineItem,
        id=call.work.new_id("line"),
        object="item",
        amount_discount=0,
        amount_subtotal=total,
        amount_tax=0,
        amount_total=total,
        currency=currency,
        description=product["name"],
        discounts=[],
        price=shown,
        quantity=quantity,
        taxes=[],
    )


def shown(checkout: Checkout, limit: int = listing.DEFAULT_LIMIT, after: str | None = None) -> Json:
    """Return the lines of a session as a list object."""
    if not 1 <= limit <= listing.MAX_LIMIT:
        raise invalid(
            f"Invalid limit: must be between 1 and {listing.MAX_LIMIT}", "limit", "parameter_invalid_integer"
        )
    ids = [line["id"] for line in checkout.lines]
    if after is not None and after not in ids:
        raise no_such("line item", after, "starting_after", status=400)
    first = 0 if after is None else ids.index(after) + 1
    url = f"/v1/checkout/sessions/{checkout.id}/line_items"
    return listing.whole(checkout.lines[first : first + limit], url, more=len(checkout.lines) > first + limit)
