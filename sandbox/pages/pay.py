"""The hosted checkout and the challenge: plain forms, no JavaScript needed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import bank, card as cards, checkout as checkouts, debit, later
from sandbox.checkout import Checkout
from sandbox.control.buyer import CHALLENGE_CODE, answer_challenge, owner
from sandbox.later import Later
from sandbox.pages import approve, form
from sandbox.pages.page import render
from sandbox.pages.payee import payee_of
from sandbox.payment import Means, Method, MethodType, Payment
from sandbox.record import Json
from sandbox.work import Work, World

EXPIRY = re.compile(r"\s*(\d{1,2})\s*/\s*(?:20)?(\d{2})\s*")
NOTHING: Mapping[str, str] = MappingProxyType({})
NAMES: dict[MethodType, str] = {
    "card": "Card",
    "debit": "SEPA direct debit",
    "klarna": "Klarna",
    "afterpay": "Afterpay",
    "paypal": "PayPal",
}
FIELDS = ("card", "expiry", "cvc", "iban", "name", "email")


def routes(world: World) -> APIRouter:
    """Return the routes of this part."""
    part, router = Pay(world), APIRouter(prefix="/pay")
    router.add_api_route("/{checkout_id}", part.show, methods=["GET"], response_model=None)
    router.add_api_route("/{checkout_id}", part.submit, methods=["POST"], response_model=None)
    router.add_api_route("/{payment_id}/challenge", part.show_challenge, methods=["GET"], response_model=None)
    router.add_api_route(
        "/{payment_id}/challenge", part.answer_challenge, methods=["POST"], response_model=None
    )
    router.add_api_route("/{payment_id}/bank", part.answer_of_bank, methods=["POST"], response_model=None)
    return router


class Pay:
    """What a buyer sees."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def show(self, checkout_id: str, method: str = "") -> Response:
        """Show a checkout: the form of a method while it is open, else what became of it."""
        with self.world.work(owner(self.world, Checkout, checkout_id)) as work:
            checkout = work.get(Checkout, checkout_id)
            if checkout.approval:
                return approve.page(work, checkout)
            decline = work.get(Payment, checkout.payment).decline if checkout.payment else None
            chosen = _chosen(checkout, method)
            return _page(work, checkout, chosen, wrong=_refused(decline, chosen))

    async def submit(self, checkout_id: str, request: Request, method: str = "") -> Response:
        """Try to pay with what was typed."""
        account, typed = owner(self.world, Checkout, checkout_id), await _form(request)
        with self.world.work(account) as work:
            checkout = work.get(Checkout, checkout_id)
            if checkout.approval:
                return approve.answer(work, checkout, typed)
            chosen = _chosen(checkout, method)
            if checkout.status != "open":
                return _page(work, checkout, chosen, typed)
            wrong = _wrong(chosen, typed, work.now)
            if wrong:
                return _page(work, checkout, chosen, typed, wrong, 422)
            buyer = {"email": typed["email"], "name": typed["name"]}
            outcome = checkouts.pay(work, checkout, _means(chosen, typed), buyer)
            payment = work.get(Payment, checkout.payment or "")
            if outcome in ("paid", "processing"):
                return RedirectResponse(
                    payee_of(work.world, work.account.provider).after_checkout(work, checkout), 303
                )
            if outcome == "needs_action":
                return RedirectResponse(f"/pay/{payment.id}/challenge", 303)
            return _page(work, checkout, chosen, typed, _refused(payment.decline, chosen), 402)

    async def show_challenge(self, payment_id: str) -> Response:
        """Show the bank's question, or that there is none any more."""
        with self.world.work(owner(self.world, Payment, payment_id)) as work:
            return _challenge(work, work.get(Payment, payment_id))

    async def answer_challenge(self, payment_id: str, request: Request) -> Response:
        """Take the buyer's answer and send them on."""
        account, typed = owner(self.world, Payment, payment_id), await _form(request)
        with self.world.work(account) as work:
            payment = work.get(Payment, payment_id)
            if payment.status != "needs_action":
                return _challenge(work, payment)
            giving_up = typed.get("answer") == "cancel"
            asks_a_code = _paid_later(work, payment) is None
            if asks_a_code and not giving_up and typed.get("code", "").strip() != CHALLENGE_CODE:
                return _challenge(work, payment, "That code is not right. Please try again.", 422)
            answer_challenge(work, payment, passed=not giving_up)
            payment = work.get(Payment, payment_id)
            return _onward(work, payment)

    async def answer_of_bank(self, payment_id: str, request: Request) -> Response:
        """Have the bank tell what came of a direct debit, for those who look at the account's page."""
        account, typed = owner(self.world, Payment, payment_id), await _form(request)
        with self.world.work(account) as work:
            payment = work.get(Payment, payment_id)
            if payment.status == "processing":
                debit.collect(work, payment, succeeds=typed.get("answer") == "pays")
        return RedirectResponse(f"/accounts/{account.id}", 303)


def _onward(work: Work, payment: Payment) -> Response:
    if payment.checkout is not None:
        checkout = work.get(Checkout, payment.checkout)
        paid = checkout.status == "complete"
        return RedirectResponse(
            payee_of(work.world, work.account.provider).after_checkout(work, checkout)
            if paid
            else f"/pay/{checkout.id}",
            303,
        )
    target = payee_of(work.world, work.account.provider).after_challenge(work, payment)
    return _challenge(work, payment) if target is None else RedirectResponse(target, 303)


async def _form(request: Request) -> dict[str, str]:
    return dict.fromkeys(FIELDS, "") | await form.typed(request)


def _chosen(checkout: Checkout, method: str) -> MethodType:
    """Return the method a buyer has chosen among those of the checkout; its first where that is none."""
    return next((each for each in checkout.takes if each == method), checkout.takes[0])


def _means(chosen: MethodType, typed: dict[str, str]) -> Means:
    if chosen in later.BY_NAME:
        return later.BY_NAME[chosen]
    return bank.BY_IBAN[_iban(typed)] if chosen == "debit" else cards.BY_NUMBER[_digits(typed["card"])]


def _wrong(chosen: MethodType, typed: dict[str, str], now: int) -> dict[str, str]:
    if chosen in later.BY_NAME:
        return _wrong_email(typed)
    return _wrong_account(typed) if chosen == "debit" else _wrong_card(typed, now)


def _paid_later(work: Work, payment: Payment) -> Later | None:
    """Return on whose page a buyer approves, where it is not their bank's."""
    return later.BY_NAME.get(work.get(Method, payment.method).type) if payment.method else None


def _wrong_account(typed: dict[str, str]) -> dict[str, str]:
    wrong = _wrong_email(typed)
    if _iban(typed) not in bank.BY_IBAN:
        wrong["iban"] = "This is not one of the test bank accounts. Real ones are never debited here."
    if not typed["name"].strip():
        wrong["name"] = "Enter the name of the account's holder."
    return wrong


def _iban(typed: dict[str, str]) -> str:
    return typed["iban"].replace(" ", "").upper()


def _wrong_email(typed: dict[str, str]) -> dict[str, str]:
    right = "@" in typed["email"] and len(typed["email"]) <= 320
    return {} if right else {"email": "Enter an e-mail address."}


def _wrong_card(typed: dict[str, str], now: int) -> dict[str, str]:
    """Return a sentence per field that cannot be right."""
    wrong = _wrong_email(typed)
    if _digits(typed["card"]) not in cards.BY_NUMBER:
        wrong["card"] = "This is not one of the test cards. Real cards are never accepted here."
    if not _in_future(typed["expiry"], now):
        wrong["expiry"] = "Enter a date in the future as MM / YY."
    if not re.fullmatch(r"\d{3,4}", typed["cvc"].strip()):
        wrong["cvc"] = "Enter the three or four digits."
    return wrong


def _digits(typed: str) -> str:
    return typed.replace(" ", "").replace("-", "")


def _in_future(text: str, now: int) -> bool:
    match, today = EXPIRY.fullmatch(text), datetime.fromtimestamp(now, UTC)
    if match is None or not match[1].isascii() or not 1 <= int(match[1]) <= 12:
        return False
    return (2000 + int(match[2]), int(match[1])) >= (today.year, today.month)


def _refused(decline: Json | None, chosen: MethodType) -> dict[str, str]:
    return {} if decline is None or chosen == "debit" else {"card": _sentence(decline, chosen)}


def _sentence(decline: Json, chosen: MethodType) -> str:
    """Return why a try failed, for buyers: some of a provider's sentences are meant for programmers."""
    if decline["code"] == cards.AUTHENTICATION_FAILED.code:
        if chosen in later.BY_NAME:
            return f"{NAMES[chosen]} did not approve the payment. Please try again or pay in another way."
        return "Your bank did not confirm the payment. Please try again or use another card."
    return str(decline["message"])


def _page(
    work: Work,
    checkout: Checkout,
    chosen: MethodType,
    typed: Mapping[str, str] = NOTHING,
    wrong: Mapping[str, str] = NOTHING,
    status: int = 200,
) -> Response:
    left = max(0, checkout.expires_at - work.now)
    shown = payee_of(work.world, work.account.provider).shown
    values = dict.fromkeys(FIELDS, "") | {"email": checkout.email or "", **typed}
    if checkout.status == "expired":
        status = 410
    return render(
        "checkout.html",
        status,
        checkout=checkout,
        typed=values,
        wrong={**dict.fromkeys(FIELDS, ""), **wrong},
        chosen=chosen,
        stands="" if checkout.payment is None else work.get(Payment, checkout.payment).status,
        accounts=bank.BANK_ACCOUNTS,
        names=NAMES,
        later=later.BY_NAME,
        left=left,
        total=shown(checkout.amount, checkout.currency),
        lines=[
            (line["quantity"], line["description"], shown(line["amount_total"], line["currency"]))
            for line in checkout.lines
        ],
        ends=datetime.fromtimestamp(checkout.expires_at, UTC),
        cards=(*cards.OWN.get(work.account.provider, ()), *cards.CARDS),
        back=payee_of(work.world, work.account.provider).after_checkout(work, checkout)
        if checkout.status == "complete"
        else checkout.cancel_url,
    )


def _challenge(work: Work, payment: Payment, wrong: str | None = None, status: int = 200) -> Response:
    return render(
        "challenge.html",
        status,
        payment=payment,
        wrong=wrong,
        code=CHALLENGE_CODE,
        later=_paid_later(work, payment),
        total=payee_of(work.world, work.account.provider).shown(payment.amount, payment.currency),
    )
