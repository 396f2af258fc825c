"""What a caller wants of a payment intent: reading the parameters of create, update and confirm."""

from typing import Any

from sandbox.payment import Method, Payment
from sandbox.record import Json
from sandbox.stripe import customer, kept_method, method_type, payment_method
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, invalid, missing, only_one, unplayed

KEPT = (
    "allowed_payment_method_types",
    "confirmation_method",
    "customer",
    "description",
    "excluded_payment_method_types",
    "off_session",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
UNPLAYED = (
    "amount_details",
    "application_fee_amount",
    "confirmation_token",
    "hooks",
    "mandate",
    "on_behalf_of",
    "payment_details",
    "transfer_data",
)
LATER = ("klarna", "afterpay_clearpay")
EXCLUSIVE = (
    "automatic_payment_methods",
    "allowed_payment_method_types",
    "excluded_payment_method_types",
    "payment_method_configuration",
)


def check(call: Call) -> None:
    """Raise if parameters contradict each other, or ask for what is not played."""
    for name in UNPLAYED:
        if name in call.params:
            raise unplayed(name)
    ways = [name for name in EXCLUSIVE if call.get(name)]
    if len(ways) > 1:
        raise only_one(ways)
    customer.check(call)


def capture_manner(call: Call, before: Payment | None = None) -> Any:
    """Return how the money is to be captured."""
    options = call.get("payment_method_options", {}).get("card") or {}
    return (
        options.get("capture_method")
        or call.get("capture_method")
        or (before.capture if before else "automatic_async")
    )


def kept(call: Call, before: Json) -> Json:
    """Return what the intent is to remember beyond the neutral payment."""
    after = before | {name: call.params[name] for name in KEPT if name in call.params}
    automatic = call.get("automatic_payment_methods")
    if automatic is not None:
        enabled = {
            "enabled": automatic["enabled"],
            "allow_redirects": automatic.get("allow_redirects", "always"),
        }
        after["automatic_payment_methods"] = enabled
    elif not before and not call.get("allowed_payment_method_types"):
        after["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
    return {name: value for name, value in after.items() if value != ""}


def choose(call: Call, payment: Payment) -> None:
    """Note the method of payment that is named in the call, if any."""
    data, name = call.get("payment_method_data"), call.get("payment_method")
    if data is not None and data.get("type") not in ("card", "sepa_debit", *LATER):
        raise unplayed("payment_method_data[type]")
    if data is not None and data["type"] == "sepa_debit" and name is None:
        method = payment_method.from_bank(call.work, data, "payment_method_data")
        payment.method, payment.status = method.id, "unconfirmed"
    elif data is not None and data["type"] in LATER and name is None:
        method = payment_method.pays_later(call.work, data, "payment_method_data")
        payment.method, payment.status = method.id, "unconfirmed"
    elif data is not None and not name:
        raise StripeError(
            402,
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use "
            "test tokens that map to the test card you are using, see https://stripe.com/docs/testing.",
            error_type="invalid_request_error",
            code="card_declined",
        )
    if name is not None:
        method = payment_method.resolve(call.work, name, payment.about.get("customer"))
        kept_method.check(method, payment.about.get("customer"))
        payment.method = method.id
        payment.status = "unconfirmed"


def check_method(call: Call, payment: Payment, method: Method) -> None:
    """Raise unless the intent takes this type of method, and a debit comes with its mandate."""
    if method.type not in payment.takes:
        takes = ", ".join(method_type.STRIPES_NAME[each] for each in payment.takes)
        raise invalid(
            f"The PaymentMethod provided ({method_type.STRIPES_NAME[method.type]}) is not allowed for this "
            f"PaymentIntent. Please provide a PaymentMethod with one of the following types: {takes}.",
            "payment_method",
            "payment_intent_incompatible_payment_method",
        )
    if method.type == "debit" and not call.get("mandate_data"):
        raise missing("mandate_data")
