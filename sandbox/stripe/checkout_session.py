"""Checkout sessions: a neutral checkout in Stripe's words, and all calls on it."""

import stripe

from sandbox import checkout as checkouts
from sandbox.checkout import Checkout
from sandbox.payment import Capture, Payment
from sandbox.record import Json
from sandbox.stripe import customer, line_item, listing, method_type, money
from sandbox.stripe.address import check_email, check_url
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import conflict, invalid, missing, only_one, unplayed
from sandbox.work import Work

SHORTEST, LONGEST = 30 * 60, 24 * 3600
LONGEST_NOTE = 1200
SLACK = 5  # seconds a caller's clock and the way to us may cost
PLAYED_ONLY = {"mode": "payment", "ui_mode": "hosted_page"}
INTENT_KEPT = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
UNPLAYED = (
    "after_expiration",
    "automatic_tax",
    "consent_collection",
    "custom_fields",
    "discounts",
    "invoice_creation",
    "optional_items",
    "shipping_options",
    "setup_intent_data",
    "subscription_data",
    "tax_id_collection",
)


def render(work: Work, checkout: Checkout) -> Json:
    """Return the session of a checkout."""
    about, opened = checkout.about, checkout.status == "open"
    return filled(
        stripe.checkout.Session,
        id=checkout.id,
        object="checkout.session",
        created=checkout.created,
        livemode=False,
        adaptive_pricing={"enabled": about.get("adaptive_pricing", False)},
        allowed_payment_method_types=about.get("allowed_payment_method_types"),
        amount_subtotal=checkout.amount,
        amount_total=checkout.amount,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        billing_address_collection=about.get("billing_address_collection"),
        cancel_url=checkout.cancel_url,
        client_reference_id=checkout.reference,
        currency=checkout.currency,
        custom_fields=[],
        custom_text={
            **dict.fromkeys(("after_submit", "shipping_address", "terms_of_service_acceptance")),
            "submit": None if checkout.note is None else {"message": checkout.note},
        },
        customer=about.get("customer"),
        customer_creation=about.get("customer_creation", "if_required"),
        customer_details=_buyer(checkout),
        customer_email=checkout.email,
        excluded_payment_method_types=about.get("excluded_payment_method_types"),
        expires_at=checkout.expires_at,
        integration_identifier=about.get("integration_identifier"),
        locale=about.get("locale"),
        metadata=checkout.metadata,
        mode="payment",
        payment_intent=checkout.payment,
        payment_method_collection="if_required",
        payment_method_options={},
        payment_method_types=[method_type.STRIPES_NAME[each] for each in checkout.takes],
        payment_status=_payment_status(work, checkout),
        phone_number_collection={"enabled": False},
        shipping_options=[],
        status=checkout.status,
        submit_type=about.get("submit_type"),
        success_url=checkout.success_url,
        ui_mode="hosted_page",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0, "breakdown": None},
        url=f"{work.world.public_url}/pay/{checkout.id}" if opened else None,
    )


def _payment_status(work: Work, checkout: Checkout) -> str:
    if checkout.status != "complete" or checkout.payment is None:
        return "unpaid"
    return "paid" if work.get(Payment, checkout.payment).captured else "unpaid"


def _buyer(checkout: Checkout) -> Json | None:
    buyer = checkout.buyer if checkout.buyer is not None else {"email": checkout.email}
    return (
        filled(
            stripe.checkout.Session.CustomerDetails,
            address=buyer.get("address"),
            email=buyer.get("email"),
            name=buyer.get("name"),
            tax_exempt="none",
            tax_ids=[] if checkout.status == "complete" else None,
        )
        if any(buyer.values())
        else None
    )


def create(call: Call) -> Json:
    """Make a session with its hosted page."""
    _check(call)
    lines = line_item.read(call)
    currency = lines[0]["currency"]
    amount = money.check_amount(sum(line["amount_total"] for line in lines), currency, "line_items")
    intent = call.get("payment_intent_data", {})
    capture: Capture = intent.get("capture_method") or "automatic_async"
    reference = call.get("client_reference_id")
    if reference is not None and len(reference) > 200:
        raise invalid("client_reference_id must be at most 200 characters", "client_reference_id")
    checkout = Checkout(
        id=call.work.new_id("checkout"),
        account=call.work.account.id,
        created=call.work.now,
        amount=amount,
        currency=currency,
        expires_at=_expires_at(call),
        success_url=check_url(call.params["success_url"], "success_url"),
        cancel_url=check_url(call.params["cancel_url"], "cancel_url") if call.get("cancel_url") else None,
        capture=capture,
        takes=method_type.taken(call.params, amount=amount, currency=currency, capture=capture),
        reference=reference,
        email=check_email(call.params["customer_email"], "customer_email")
        if call.get("customer_email")
        else None,
        note=_note(call),
        lines=lines,
        metadata=call.metadata(),
        about=_about(call, intent),
        payment_metadata=Call(call.work, (), intent).metadata(),
    )
    return render(call.work, checkouts.open_checkout(call.work, checkout))


def retrieve(call: Call) -> Json:
    """Return one session."""
    return render(call.work, call.work.get(Checkout, call.id))


def update(call: Call) -> Json:
    """Change a session's metadata."""
    checkout = call.work.get(Checkout, call.id)
    touched = call.params.keys() - {"metadata", "expand"}
    if touched:
        raise unplayed(min(touched))
    checkout.metadata = call.metadata(checkout.metadata)
    call.work.save(checkout)
    return render(call.work, checkout)


def expire(call: Call) -> Json:
    """End a session that is still open."""
    checkout = call.work.get(Checkout, call.id)
    if checkout.status != "open":
        raise conflict(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f'status of "{checkout.status}".',
            "checkout_session_not_open",
        )
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
    return line_item.shown(checkout, call.get("limit", listing.DEFAULT_LIMIT), call.get("starting_after"))


def _check(call: Call) -> None:
    beyond = [name for name in UNPLAYED if call.get(name)]
    beyond += [name for name, only in PLAYED_ONLY.items() if call.get(name, only) != only]
    if beyond:
        raise unplayed(beyond[0])
    for name in ("line_items", "success_url"):
        if not call.get(name):
            raise missing(name)
    if call.get("customer") is not None and call.get("customer_email") is not None:
        raise only_one(("customer", "customer_email"))
    customer.check(call)


def _note(call: Call) -> str | None:
    texts = call.get("custom_text", {})
    for name in ("after_submit", "shipping_address", "terms_of_service_acceptance"):
        if texts.get(name):
            raise unplayed(f"custom_text[{name}]")
    note: str | None = (texts.get("submit") or {}).get("message")
    if note is not None and len(note) > LONGEST_NOTE:
        raise invalid(
            f"custom_text[submit][message] must be at most {LONGEST_NOTE} characters",
            "custom_text[submit][message]",
        )
    return note


def _expires_at(call: Call) -> int:
    now = call.work.now
    expires_at: int = call.get("expires_at", now + LONGEST)
    if expires_at < now + SHORTEST - SLACK:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            "expires_at",
        )
    if expires_at > now + LONGEST + SLACK:
        raise invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            "expires_at",
        )
    return expires_at


def _about(call: Call, intent: Json) -> Json:
    kept = {
        name: call.get(name)
        for name in (
            "allowed_payment_method_types",
            "billing_address_collection",
            "customer",
            "customer_creation",
            "excluded_payment_method_types",
            "integration_identifier",
            "locale",
            "submit_type",
        )
    }
    payment = {name: intent[name] for name in INTENT_KEPT if intent.get(name)}
    payment["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
    if call.get("customer"):
        payment["customer"] = call.get("customer")
    about = {name: value for name, value in kept.items() if value is not None}
    return about | {
        "adaptive_pricing": call.get("adaptive_pricing", {}).get("enabled", False),
        "payment": payment,
    }
