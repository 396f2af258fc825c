"""Checkout sessions: a neutral checkout in Stripe's words, and all calls on it."""

from urllib.parse import urlsplit

import stripe

from sandbox import checkout as checkouts
from sandbox.checkout import Checkout
from sandbox.payment import Payment
from sandbox.record import Json, NotFound
from sandbox.stripe import listing, money
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.customer import Customer
from sandbox.stripe.error import conflict, invalid, missing, no_such
from sandbox.work import Work

SHORTEST, LONGEST = 30 * 60, 24 * 3600
SLACK = 5  # seconds a caller's clock and the way to us may cost
MAX_LINES = 100
INTENT_KEPT = (
    "description", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
)  # fmt: skip
UNPLAYED = (
    "after_expiration", "automatic_tax", "consent_collection", "custom_fields", "discounts", "invoice_creation",
    "optional_items", "shipping_options", "setup_intent_data", "subscription_data", "tax_id_collection",
)  # fmt: skip


def render(work: Work, checkout: Checkout) -> Json:
    """Return the session of a checkout."""
    about, opened = checkout.about, checkout.status == "open"
    return filled(
        stripe.checkout.Session, id=checkout.id, object="checkout.session", created=checkout.created, livemode=False,
        adaptive_pricing={"enabled": about.get("adaptive_pricing", False)},
        allowed_payment_method_types=about.get("allowed_payment_method_types"), amount_subtotal=checkout.amount,
        amount_total=checkout.amount,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        billing_address_collection=about.get("billing_address_collection"), cancel_url=checkout.cancel_url,
        client_reference_id=checkout.reference, currency=checkout.currency, custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=about.get("customer"), customer_creation=about.get("customer_creation", "if_required"),
        customer_details=_buyer(checkout), customer_email=checkout.email, expires_at=checkout.expires_at,
        integration_identifier=about.get("integration_identifier"), locale=about.get("locale"),
        metadata=checkout.metadata, mode="payment", payment_intent=checkout.payment,
        payment_method_collection="if_required", payment_method_options={}, payment_method_types=["card"],
        payment_status=_payment_status(work, checkout), phone_number_collection={"enabled": False},
        shipping_options=[], status=checkout.status, submit_type=about.get("submit_type"),
        success_url=checkout.success_url, ui_mode="hosted_page",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0, "breakdown": None},
        url=f"{work.world.public_url}/pay/{checkout.id}" if opened else None,
    )  # fmt: skip


def _payment_status(work: Work, checkout: Checkout) -> str:
    if checkout.status != "complete" or checkout.payment is None:
        return "unpaid"
    return "paid" if work.get(Payment, checkout.payment).captured else "unpaid"


def _buyer(checkout: Checkout) -> Json | None:
    buyer = checkout.buyer if checkout.buyer is not None else {"email": checkout.email}
    return filled(
        stripe.checkout.Session.CustomerDetails, address=buyer.get("address"), email=buyer.get("email"),
        name=buyer.get("name"), tax_exempt="none", tax_ids=[] if checkout.status == "complete" else None,
    ) if any(buyer.values()) else None  # fmt: skip


def create(call: Call) -> Json:
    """Make a session with its hosted page."""
    _check(call)
    lines = _lines(call)
    currency = lines[0]["currency"]
    amount = money.check_amount(sum(line["amount_total"] for line in lines), currency, "line_items")
    intent = call.get("payment_intent_data", {})
    reference = call.get("client_reference_id")
    if reference is not None and len(reference) > 200:
        raise invalid("client_reference_id must be at most 200 characters", "client_reference_id")
    checkout = Checkout(
        id=call.work.new_id("checkout"), account=call.work.account.id, created=call.work.now, amount=amount,
        currency=currency, expires_at=_expires_at(call), success_url=check_url(call.params["success_url"], "success_url"),
        cancel_url=check_url(call.params["cancel_url"], "cancel_url") if call.get("cancel_url") else None,
        capture=intent.get("capture_method") or "automatic_async", reference=reference,
        email=call.get("customer_email"), lines=lines, metadata=call.metadata(), about=_about(call, intent),
        payment_metadata=Call(call.work, (), intent).metadata(),
    )  # fmt: skip
    return render(call.work, checkouts.open_checkout(call.work, checkout))


def retrieve(call: Call) -> Json:
    """Return one session."""
    return render(call.work, call.work.get(Checkout, call.id))


def update(call: Call) -> Json:
    """Change a session's metadata."""
    checkout = call.work.get(Checkout, call.id)
    touched = call.params.keys() - {"metadata", "expand"}
    if touched:
        name = sorted(touched)[0]
        raise invalid(f"The sandbox does not play changes of {name} yet.", name, "sandbox_unsupported")
    checkout.metadata = call.metadata(checkout.metadata)
    call.work.save(checkout)
    return render(call.work, checkout)


def expire(call: Call) -> Json:
    """End a session that is still open."""
    checkout = call.work.get(Checkout, call.id)
    if checkout.status != "open":
        raise conflict(
            f"Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of "
            f"\"{checkout.status}\".", "checkout_session_not_open",
        )  # fmt: skip
    checkouts.expire(call.work, checkout)
    return render(call.work, checkout)


def list_all(call: Call) -> Json:
    """List sessions, by payment intent, status or customer if asked."""
    intent = call.get("payment_intent")
    where = [
        *([("parent = ?", intent)] if intent is not None else []),
        *listing.about("status", call.get("status")),
        *listing.about("about.customer", call.get("customer")),
    ]
    return listing.listed(call, Checkout, render, "/v1/checkout/sessions", where)


def list_lines(call: Call) -> Json:
    """List what a session sells."""
    checkout = call.work.get(Checkout, call.id)
    return lines_of(checkout, call.get("limit", listing.DEFAULT_LIMIT), call.get("starting_after"))


def lines_of(checkout: Checkout, limit: int = listing.DEFAULT_LIMIT, after: str | None = None) -> Json:
    """Return the lines of a session as a list object."""
    if not 1 <= limit <= listing.MAX_LIMIT:
        raise invalid(f"Invalid limit: must be between 1 and {listing.MAX_LIMIT}", "limit", "parameter_invalid_integer")
    ids = [line["id"] for line in checkout.lines]
    if after is not None and after not in ids:
        raise no_such("line item", after, "starting_after", status=400)
    first = 0 if after is None else ids.index(after) + 1
    url = f"/v1/checkout/sessions/{checkout.id}/line_items"
    return listing.whole(checkout.lines[first : first + limit], url, len(checkout.lines) > first + limit)


def check_url(url: str, param: str) -> str:
    """Return an absolute http(s) address, or raise."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or any(ord(letter) < 33 for letter in url):
        raise invalid("Not a valid URL", param, "url_invalid")
    return url


def _check(call: Call) -> None:
    for name in UNPLAYED:
        if call.get(name):
            raise invalid(f"The sandbox does not play {name} yet.", name, "sandbox_unsupported")
    mode = call.get("mode", "payment")
    if mode != "payment":
        raise invalid(f"The sandbox does not play mode {mode} yet.", "mode", "sandbox_unsupported")
    if call.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("The sandbox plays hosted pages only.", "ui_mode", "sandbox_unsupported")
    for name in ("line_items", "success_url"):
        if not call.get(name):
            raise missing(name)
    customer = call.get("customer")
    if customer is not None and call.get("customer_email") is not None:
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer_email")
    if customer is not None:
        try:
            call.work.get(Customer, customer)
        except NotFound:
            raise no_such("customer", customer, "customer", status=400) from None
    email = call.get("customer_email")
    if email is not None and not (0 < email.find("@") < len(email) - 1 and " " not in email):
        raise invalid(f"Invalid email address: {email}", "customer_email", "email_invalid")


def _expires_at(call: Call) -> int:
    now = call.work.now
    expires_at: int = call.get("expires_at", now + LONGEST)
    if expires_at < now + SHORTEST - SLACK:
        raise invalid("The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", "expires_at")
    if expires_at > now + LONGEST + SLACK:
        raise invalid("The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", "expires_at")
    return expires_at


def _about(call: Call, intent: Json) -> Json:
    kept = {name: call.get(name) for name in (
        "allowed_payment_method_types", "billing_address_collection", "customer", "customer_creation",
        "integration_identifier", "locale", "submit_type")}  # fmt: skip
    payment = {name: intent[name] for name in INTENT_KEPT if intent.get(name)}
    payment["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
    if call.get("customer"):
        payment["customer"] = call.get("customer")
    about = {name: value for name, value in kept.items() if value is not None}
    return about | {"adaptive_pricing": call.get("adaptive_pricing", {}).get("enabled", False), "payment": payment}


def _lines(call: Call) -> list[Json]:
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
        raise invalid("Invalid non-negative integer", f"{name}[quantity]" if unit >= 0 else f"{name}[price_data][unit_amount]",
                      "parameter_invalid_integer")  # fmt: skip
    currency = money.check_currency(price["currency"], f"{name}[price_data][currency]")
    shown = filled(
        stripe.Price, id=call.work.new_id("price"), object="price", active=False, billing_scheme="per_unit",
        created=call.work.now, currency=currency, livemode=False, metadata={}, product=call.work.new_id("product"),
        tax_behavior="unspecified", type="one_time", unit_amount=unit, unit_amount_decimal=str(unit),
    )  # fmt: skip
    total = unit * quantity
    return filled(
        stripe.LineItem, id=call.work.new_id("line"), object="item", amount_discount=0, amount_subtotal=total,
        amount_tax=0, amount_total=total, currency=currency, description=product["name"], discounts=[],
        price=shown, quantity=quantity, taxes=[],
    )  # fmt: skip
