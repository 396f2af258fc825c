"""Playing the buyer: what the hosted page's form and Stripe.js would do, in one call."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, HTTPException

from sandbox import (
    bank,
    capture as captures,
    card as cards,
    checkout as checkouts,
    debit,
    later,
    payment as payments,
)
from sandbox.account import Account
from sandbox.checkout import Checkout, Closed
from sandbox.control.wish import Purchase, Reply, Verdict
from sandbox.payment import Means, NotTaken, Payment, Unexpected
from sandbox.record import Json, Record
from sandbox.work import Work, World

CHALLENGE_CODE = "123456"


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Buyer(world), APIRouter(prefix="/_sandbox")
    for path, answer in (
        ("/checkout/{checkout_id}/pay", part.pay_checkout),
        ("/payment_intents/{payment_id}/pay", part.pay_payment),
        ("/payments/{payment_id}/challenge", part.challenge),
        ("/payments/{payment_id}/settle", part.settle),
        ("/payments/{payment_id}/lose", part.lose),
    ):
        router.add_api_route(path, answer, methods=["POST"], response_model=None)
    return router


def owner(world: World, cls: type[Record], record_id: str) -> Account:
    """Return the account of a record, for those who know an id and no key; 404 if there is none."""
    account = world.account_by_id(world.store.owner(cls, record_id) or "")
    if account is None:
        raise HTTPException(404, f"no such {cls.kind}: {record_id[:80]}")
    return account


class Buyer:
    """Somebody with a test card or bank account, and their bank."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def pay_checkout(self, checkout_id: str, wish: Purchase) -> Json:
        """Pay a hosted checkout as its page would."""
        means, account = _means(wish), owner(self.world, Checkout, checkout_id)
        with self.world.work(account) as work:
            checkout = work.get(Checkout, checkout_id)
            buyer = {"email": wish.email, "name": wish.name}
            with _taken():
                outcome = checkouts.pay(work, checkout, means, buyer, after_expiry=wish.after_expiry)
            return _told(work, outcome, work.get(Payment, checkout.payment or ""))

    async def pay_payment(self, payment_id: str, wish: Purchase) -> Json:
        """Pay a payment as a browser with its client secret would."""
        means, account = _means(wish), owner(self.world, Payment, payment_id)
        with self.world.work(account) as work:
            payment = work.get(Payment, payment_id)
            if payment.status not in ("unstarted", "unconfirmed"):
                raise HTTPException(409, f"payment is {payment.status}")
            if payment.checkout is not None:
                raise HTTPException(409, f"payment belongs to {payment.checkout}")
            method = payments.new_method(work, means, billing={"email": wish.email, "name": wish.name})
            with _taken():
                return _told(work, payments.submit(work, payment, method), payment)

    async def challenge(self, payment_id: str, wish: Reply) -> Json:
        """Pass the challenge of a payment with the right code, fail it with any other."""
        account = owner(self.world, Payment, payment_id)
        with self.world.work(account) as work:
            payment = work.get(Payment, payment_id)
            if payment.status != "needs_action":
                raise HTTPException(409, f"payment is {payment.status}")
            return _told(
                work,
                answer_challenge(work, payment, passed=wish.code == CHALLENGE_CODE),
                work.get(Payment, payment_id),
            )

    async def settle(self, payment_id: str, wish: Verdict) -> Json:
        """Have the bank tell now what came of a direct debit."""
        account = owner(self.world, Payment, payment_id)
        with self.world.work(account) as work:
            payment = work.get(Payment, payment_id)
            if payment.status != "processing":
                raise HTTPException(409, f"payment is {payment.status}")
            return _told(work, debit.collect(work, payment, succeeds=wish.succeeds), payment)

    async def lose(self, payment_id: str) -> Json:
        """Let a capture fail after it had succeeded; Adyen's accounts alone."""
        account = owner(self.world, Payment, payment_id)
        if account.provider != "adyen":
            raise HTTPException(409, f"{account.provider} does not tell of this here")
        with self.world.work(account) as work, _taken():
            captures.lose(work, work.get(Payment, payment_id))
            return {"payment": payment_id, "status": work.get(Payment, payment_id).status}


def answer_challenge(work: Work, payment: Payment, *, passed: bool) -> payments.Outcome:
    """Go on with a payment after its challenge was passed or failed; with some its merchant has to."""
    if payment.about.get("merchant_goes_on"):
        payment.about["answer"] = "passed" if passed else "failed"
        work.save(payment)
        return "needs_action"
    checkout = work.get(Checkout, payment.checkout) if payment.checkout is not None else None
    return (
        checkouts.pass_challenge(work, checkout, payment)
        if passed
        else payments.fail_challenge(work, payment)
    )


def _means(wish: Purchase) -> Means:
    if wish.later is not None:
        return later.BY_NAME[wish.later]
    means = cards.find(wish.card) if wish.iban is None else bank.find(wish.iban)
    if means is None:
        raise HTTPException(
            422, f"not a test {'card' if wish.iban is None else 'bank account'} of the sandbox"
        )
    return means


@contextmanager
def _taken() -> Iterator[None]:
    try:
        yield
    except NotTaken as refusal:
        raise HTTPException(422, str(refusal)) from None
    except Closed as refusal:
        raise HTTPException(409, f"checkout is {refusal.checkout.status}") from None
    except Unexpected as refusal:
        raise HTTPException(409, f"payment is {refusal.payment.status}") from None


def _told(work: Work, outcome: payments.Outcome, payment: Payment) -> Json:
    return {
        "outcome": outcome,
        "payment": payment.id,
        "status": payment.status,
        "decline": payment.decline,
        "challenge_url": f"{work.world.public_url}/pay/{payment.id}/challenge"
        if outcome == "needs_action"
        else None,
    }
