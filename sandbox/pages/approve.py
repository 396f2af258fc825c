"""The page on which a buyer approves what a merchant takes afterwards: choose a means, agree, go back."""

from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from sandbox import bank, card as cards, checkout as checkouts
from sandbox.bank import BankAccount
from sandbox.card import Card
from sandbox.checkout import Checkout
from sandbox.pages.page import render
from sandbox.pages.payee import payee_of
from sandbox.work import Work

# What the buyer's wallet holds: test means whose effect shows when the merchant takes the money.
WALLET: Mapping[str, tuple[str, Card | BankAccount]] = {
    "balance": ("PayPal balance", cards.BY_NAME["visa"]),
    "declined": ("A card that will be declined", cards.BY_NAME["visa_chargeDeclined"]),
    "slow_refund": ("A card whose refunds take a while", cards.BY_NAME["pendingRefund"]),
    "lost_refund": ("A card whose refunds fail afterwards", cards.BY_NAME["refundFail"]),
    "disputed": ("A card whose holder wants the money back", cards.BY_NAME["createDispute"]),
    "echeck": ("A bank account, which takes days", bank.BY_IBAN["AT611904300234573201"]),
    "bad_echeck": ("A bank account that will not pay", bank.BY_IBAN["AT861904300235473202"]),
}


def page(work: Work, checkout: Checkout, status: int = 200) -> Response:
    """Show what is to be approved, or what became of it."""
    payee = payee_of(work.world, work.account.provider)
    return render(
        "approve.html",
        410 if checkout.status == "expired" else status,
        checkout=checkout,
        total=payee.shown(checkout.amount, checkout.currency),
        lines=[
            (line["quantity"], line["description"], payee.shown(line["amount_total"], line["currency"]))
            for line in checkout.lines
        ],
        wallet={name: text for name, (text, _) in _wallet(checkout).items()},
        back=payee.after_checkout(work, checkout),
        cancel=payee.after_cancel(work, checkout),
    )


def answer(work: Work, checkout: Checkout, typed: Mapping[str, str]) -> Response:
    """Take the buyer's word and send them back to the merchant."""
    chosen = _wallet(checkout).get(typed.get("means", ""))
    if checkout.status not in ("open", "approved"):
        return page(work, checkout)
    if chosen is None:
        return page(work, checkout, 422)
    checkouts.pay(work, checkout, chosen[1], {"email": "buyer@example.com", "name": "Test Buyer"})
    back = payee_of(work.world, work.account.provider).after_checkout(work, checkout)
    return RedirectResponse(back, 303) if back else page(work, checkout)


def _wallet(checkout: Checkout) -> Mapping[str, tuple[str, Card | BankAccount]]:
    """Return what of the wallet this checkout takes."""
    return {
        name: (text, means)
        for name, (text, means) in WALLET.items()
        if ("card" if isinstance(means, Card) else "debit") in checkout.takes
    }
