"""Payment methods: test cards, by token or as they were used."""

import stripe

from sandbox import card as cards
from sandbox.payment import Method, new_method
from sandbox.record import Json, NotFound
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import no_such
from sandbox.work import Work

EXPIRY_MONTH, EXPIRY_YEAR = 12, 2034


def render(work: Work, method: Method) -> Json:
    """Return the method as Stripe shows it."""
    card = method.behaviour
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    shown = filled(
        stripe.PaymentMethod.Card,
        brand=card.brand,
        checks=checks,
        country="US",
        display_brand=card.brand,
        exp_month=EXPIRY_MONTH,
        exp_year=EXPIRY_YEAR,
        fingerprint=fingerprint(work, method),
        funding="credit",
        last4=card.last4,
        networks={"available": [card.brand], "preferred": None},
        three_d_secure_usage={"supported": True},
    )
    return filled(
        stripe.PaymentMethod,
        id=method.id,
        object="payment_method",
        type="card",
        card=shown,
        created=method.created,
        billing_details=billing(method),
        customer=method.customer,
        livemode=False,
        metadata={},
        allow_redisplay="unspecified",
    )


def fingerprint(work: Work, method: Method) -> str:
    """Return what is the same for the same card in one account."""
    return work.secret("fingerprint", method.card, length=16)


def billing(method: Method) -> Json:
    """Return who pays, as far as known."""
    return {
        "address": method.billing.get("address")
        or dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
        "email": method.billing.get("email"),
        "name": method.billing.get("name"),
        "phone": method.billing.get("phone"),
        "tax_id": None,
    }


def retrieve(call: Call) -> Json:
    """Return one payment method."""
    return render(call.work, call.work.get(Method, call.id))


def resolve(work: Work, name: str, customer: str | None = None) -> Method:
    """Return the method of this id, or a new one for a test token such as `pm_card_visa`."""
    if name.startswith("pm_card_"):
        card = cards.BY_NAME.get(name.removeprefix("pm_card_"))
        if card is not None and card.number != "4242424242424241":
            return new_method(work, card, customer)
    try:
        return work.get(Method, name)
    except NotFound:
        raise no_such("PaymentMethod", name, "payment_method", status=400) from None
