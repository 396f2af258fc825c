"""Direct debits: payments whose outcome the buyer's bank tells later, after the checkout is complete."""

from sandbox import payment as payments
from sandbox.bank import FAILED, BankAccount
from sandbox.card import Decline
from sandbox.checkout import Checkout
from sandbox.payment import Attempt, Method, Outcome, Payment, Unexpected
from sandbox.work import Work


def collect_in_time(work: Work, attempt_id: str) -> None:
    """Hear from the bank when its time has come, unless it was heard before."""
    payment = work.get(Payment, work.get(Attempt, attempt_id).payment)
    if payment.status == "processing" and payment.attempt == attempt_id:
        collect(work, payment)


def collect(work: Work, payment: Payment, *, succeeds: bool | None = None) -> Outcome:
    """Hear from the bank now: what the test account is made for, or what `succeeds` says."""
    if payment.status != "processing" or payment.attempt is None:
        raise Unexpected(payment, "collect")
    attempt = work.get(Attempt, payment.attempt)
    decline = _decline_of(work.get(Method, attempt.method)) if succeeds is None else None
    if succeeds is False:
        decline = FAILED
    if decline is None:
        payments.take(work, payment, attempt)
    else:
        payments.turn_down(work, payment, attempt, decline)
    if payment.checkout is not None:
        checkout = work.get(Checkout, payment.checkout)
        work.tell("checkout.settled" if decline is None else "checkout.unsettled", checkout)
    return "paid" if decline is None else "declined"


def _decline_of(method: Method) -> Decline | None:
    means = method.behaviour
    return means.decline if isinstance(means, BankAccount) else None
