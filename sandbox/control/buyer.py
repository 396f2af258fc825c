"""Playing the buyer: what the hosted page's form and Stripe.js would do, in one call."""

from fastapi import APIRouter, HTTPException

from sandbox import card as cards, checkout as checkouts, payment as payments
from sandbox.account import Account
from sandbox.card import Card
from sandbox.checkout import Checkout
from sandbox.control.wish import Purchase, Reply
from sandbox.payment import Payment
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
    ):
        router.add_api_route(path, answer, methods=["POST"], response_model=None)
    return router


def owner(world: World, cls: type[Record], record_id: str) -> Account:
    """Return the account of a record, for those who know an id and no key; 404 if there is none."""
    account = world.account_by_id(world.store.owner(record_id) or "")
    if account is None:
        raise HTTPException(404, f"no such {cls.kind}: {record_id[:80]}")
    return account


class Buyer:
    """Somebody with a test card."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def pay_checkout(self, checkout_id: str, wish: Purchase) -> Json:
        """Pay a hosted checkout as its page would."""
        card, account = _card(wish), owner(self.world, Checkout, checkout_id)
        with self.world.work(account) as work:
            checkout = work.get(Checkout, checkout_id)
            if checkout.status != "open":
                raise HTTPException(409, f"checkout is {checkout.status}")
            outcome = checkouts.pay(work, checkout, card, {"email": wish.email, "name": wish.name})
            return _told(work, outcome, work.get(Payment, checkout.payment or ""))

    async def pay_payment(self, payment_id: str, wish: Purchase) -> Json:
        """Pay a payment as a browser with its client secret would."""
        card, account = _card(wish), owner(self.world, Payment, payment_id)
        with self.world.work(account) as work:
            payment = work.get(Payment, payment_id)
            if payment.status not in ("unstarted", "unconfirmed"):
                raise HTTPException(409, f"payment is {payment.status}")
            if payment.checkout is not None:
                raise HTTPException(409, f"payment belongs to {payment.checkout}")
            method = payments.new_method(work, card, billing={"email": wish.email, "name": wish.name})
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


def answer_challenge(work: Work, payment: Payment, *, passed: bool) -> payments.Outcome:
    """Go on with a payment after its challenge was passed or failed."""
    checkout = work.get(Checkout, payment.checkout) if payment.checkout is not None else None
    return (
        checkouts.pass_challenge(work, checkout, payment)
        if passed
        else payments.fail_challenge(work, payment)
    )


def _card(wish: Purchase) -> Card:
    card = cards.find(wish.card)
    if card is None:
        raise HTTPException(422, "not a test card of the sandbox")
    return card


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
