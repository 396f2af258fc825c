"""Payment methods that a customer keeps: attached, listed, detached."""

from sandbox.card import Card, Decline
from sandbox.payment import Attempt, Method
from sandbox.record import Json
from sandbox.stripe import customer, listing, payment_method
from sandbox.stripe.call import Call
from sandbox.stripe.customer import Customer
from sandbox.stripe.error import StripeError, card_refused, missing
from sandbox.work import Work

USED_UP = (
    "The provided PaymentMethod was previously used without being attached to a Customer, or was detached "
    "from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to "
    "a Customer first."
)
ATTACHES_AND_DECLINES = frozenset(("chargeCustomerFail",))


def check(method: Method, owner: str | None) -> None:
    """Raise unless a method may pay for this customer: it is nobody's and fresh, or the customer's own."""
    if method.detached:
        raise StripeError(400, USED_UP)
    if method.customer is not None and owner is None:
        raise StripeError(
            400,
            "The payment method supplied belongs to a Customer; provide that Customer to use it.",
            param="payment_method",
        )
    if method.customer is not None and method.customer != owner:
        raise StripeError(
            400,
            "The payment method supplied does not belong to the Customer you supplied. Please use this "
            "payment method with the Customer that it belongs to instead.",
            param="payment_method",
        )


def attach(call: Call) -> Json:
    """Keep a method for a customer; the issuer is asked, so a card that says no is not kept."""
    name = call.get("customer")
    if name is None:
        raise missing("customer")
    customer.check(call)
    method = payment_method.resolve(call.work, call.id)
    if method.customer is not None:
        raise StripeError(400, "The payment method you provided has already been attached to a customer.")
    if method.detached or _used(call.work, method):
        raise StripeError(400, USED_UP)
    card = method.behaviour
    if isinstance(card, Card) and card.decline is not None and card.name not in ATTACHES_AND_DECLINES:
        raise card_refused(_no(card.decline), None, None)
    method.customer = name
    call.work.save(method)
    call.work.tell("method.attached", method)
    return payment_method.render(call.work, method)


def detach(call: Call) -> Json:
    """Let a kept method go, for good."""
    method = call.work.get(Method, call.id)
    if method.customer is None:
        raise StripeError(
            400, "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    before, method.customer, method.detached = method.customer, None, True
    call.work.save(method)
    call.work.tell("method.detached", method, {"customer": before})
    return payment_method.render(call.work, method)


def list_all(call: Call) -> Json:
    """List the methods of a customer, by type if asked."""
    if call.get("customer") is None:
        raise missing("customer")
    customer.check(call)
    return _listed(call, call.get("customer"), "/v1/payment_methods")


def list_of_customer(call: Call) -> Json:
    """List the methods of the customer in the path."""
    call.work.get(Customer, call.id)
    return _listed(call, call.id, f"/v1/customers/{call.id}/payment_methods")


def _listed(call: Call, owner: str, url: str) -> Json:
    where = listing.about("customer", owner)
    if call.get("type", "card") != "card":
        where.append(("? = ''", call.get("type")))  # customers keep cards only
    return listing.listed(call, Method, payment_method.render, url, where)


def _used(work: Work, method: Method) -> bool:
    """Return whether somebody has paid with a method that no customer keeps."""
    found, _ = work.store.page(Attempt, work.account.id, limit=1, where=listing.about("method", method.id))
    return bool(found)


def _no(decline: Decline) -> Json:
    return {"code": decline.code, "reason": decline.reason, "message": decline.message}
