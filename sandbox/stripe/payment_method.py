"""Payment methods: test cards and bank accounts, by token or as they were used."""

import stripe

from sandbox import bank, card as cards, later
from sandbox.bank import BankAccount
from sandbox.card import Card
from sandbox.later import Later
from sandbox.payment import Method, new_method
from sandbox.record import Json, NotFound
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import invalid, missing, no_such
from sandbox.stripe.method_type import STRIPES_NAME
from sandbox.work import Work

EXPIRY_MONTH, EXPIRY_YEAR = 12, 2034


def render(work: Work, method: Method) -> Json:
    """Return the method as Stripe shows it."""
    kind = STRIPES_NAME[method.type]
    return filled(
        stripe.PaymentMethod,
        id=method.id,
        object="payment_method",
        created=method.created,
        billing_details=billing(method),
        customer=method.customer,
        livemode=False,
        metadata={},
        allow_redisplay="unspecified",
        type=kind,
        **{kind: _means(work, method)},
    )


def _means(work: Work, method: Method) -> Json:
    match method.behaviour:
        case Card() as card:
            return _card(work, method, card)
        case Later(name="klarna"):
            return {"dob": None}
        case Later():
            return {}
        case account:
            return _account(work, method, account)


def _card(work: Work, method: Method, card: Card) -> Json:
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    return filled(
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


def _account(work: Work, method: Method, account: BankAccount) -> Json:
    return filled(
        stripe.PaymentMethod.SepaDebit,
        bank_code=account.bank_code,
        branch_code="",
        country=account.country,
        fingerprint=fingerprint(work, method),
        generated_from={"charge": None, "setup_attempt": None},
        last4=account.last4,
    )


def fingerprint(work: Work, method: Method) -> str:
    """Return what is the same for the same card or bank account in one account."""
    return work.secret("fingerprint", method.card or method.iban or "", length=16)


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
    """Return the method of this id, or a new one for a token such as `pm_card_visa`."""
    if name.startswith("pm_card_"):
        card = cards.BY_NAME.get(name.removeprefix("pm_card_"))
        if card is not None and card.number != "4242424242424241":
            return new_method(work, card, customer)
    if name.startswith("pm_sepaDebit_"):
        account = bank.BY_NAME.get(name.removeprefix("pm_sepaDebit_"))
        if account is not None:
            return new_method(work, account, customer, {"name": "Jenny Rosen", "email": "jenny@example.com"})
    try:
        return work.get(Method, name)
    except NotFound:
        raise no_such("PaymentMethod", name, "payment_method", status=400) from None


def pays_later(work: Work, data: Json, param: str, customer: str | None = None) -> Method:
    """Make a method of what a caller says in `param` of who pays later; Klarna asks where they live."""
    name = "klarna" if data["type"] == "klarna" else "afterpay"
    billing_details = data.get("billing_details") or {}
    if name == "klarna" and not (billing_details.get("address") or {}).get("country"):
        raise missing(f"{param}[billing_details][address][country]")
    return new_method(work, later.BY_NAME[name], customer, billing_details)


def from_bank(work: Work, data: Json, param: str, customer: str | None = None) -> Method:
    """Make a method of what a caller says in `param` of a bank account; only test accounts are taken."""
    given = data.get("sepa_debit") or {}
    if "iban" not in given:
        raise missing(f"{param}[sepa_debit]")
    billing_details = data.get("billing_details") or {}
    for name in ("name", "email"):
        if not billing_details.get(name):
            raise missing(f"{param}[billing_details][{name}]")
    account = bank.BY_IBAN.get(given["iban"].replace(" ", "").upper())
    if account is None:
        raise invalid(
            "The IBAN you provided is invalid: the sandbox takes its listed test accounts only.",
            f"{param}[sepa_debit][iban]",
            "invalid_bank_account_iban",
        )
    return new_method(work, account, customer, billing_details)
