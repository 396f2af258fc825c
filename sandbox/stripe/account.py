"""Connected accounts in Stripe's words: whom a platform pays. What is asked of their people is not played."""

import stripe

from sandbox.payee import Payee, purse
from sandbox.record import Json, NotFound
from sandbox.stripe import listing
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import invalid, no_such, unplayed
from sandbox.stripe.money import check_currency
from sandbox.work import Work

KEPT = ("business_profile", "business_type", "type", "capabilities")
UNPLAYED = ("account_token", "company", "documents", "groups", "individual", "settings", "tos_acceptance")
GOOD_BANK = "000123456789"
LINK_SECONDS = 300


def render(work: Work, payee: Payee) -> Json:
    """Return the account as its platform sees it; it can be paid out once it has a bank."""
    asked = payee.about.get("capabilities", {})
    return filled(
        stripe.Account,
        id=payee.id,
        object="account",
        created=payee.created,
        business_profile=filled(stripe.Account.BusinessProfile, **payee.about.get("business_profile", {})),
        business_type=payee.about.get("business_type"),
        capabilities={name: "active" for name, wish in asked.items() if wish.get("requested")},
        charges_enabled=payee.submitted,
        controller={"is_controller": True, "type": "application"},
        country=payee.country,
        default_currency=payee.currency,
        details_submitted=payee.submitted,
        email=payee.email,
        external_accounts=listing.whole(_banks(work, payee), f"/v1/accounts/{payee.id}/external_accounts"),
        future_requirements=_nothing_due(stripe.Account.FutureRequirements),
        metadata=payee.metadata,
        payouts_enabled=payee.bank is not None,
        requirements=_nothing_due(stripe.Account.Requirements),
        type=payee.about.get("type", "none"),
    )


def _nothing_due(cls: type) -> Json:
    lists = ("currently_due", "errors", "eventually_due", "past_due", "pending_verification")
    return filled(cls, **{name: [] for name in lists})


def _banks(work: Work, payee: Payee) -> list[Json]:
    if payee.bank is None:
        return []
    return [
        filled(
            stripe.BankAccount,
            id=bank_id(work, payee.id),
            object="bank_account",
            account=payee.id,
            bank_name="STRIPE TEST BANK",
            country=payee.country,
            currency=payee.currency,
            default_for_currency=True,
            last4=payee.bank[-4:],
            metadata={},
            status="new",
        )
    ]


def bank_id(work: Work, holder: str) -> str:
    """Return the id of the one bank account of a payee, or of the platform."""
    return f"ba_{work.secret('bank', holder, length=24)}"


def create(call: Call) -> Json:
    """Open an account for somebody to be paid."""
    payee = Payee(
        id=f"acct_{call.work.new_id('payee')}",
        account=call.work.account.id,
        created=call.work.now,
        country=call.get("country", "US"),
        currency=check_currency(call.get("default_currency", "usd"), "default_currency"),
        metadata=call.metadata(),
    )
    _take(call, payee)
    call.work.add(payee)
    return render(call.work, payee)


def retrieve(call: Call) -> Json:
    """Return one connected account."""
    return render(call.work, call.work.get(Payee, call.id))


def update(call: Call) -> Json:
    """Change what is known of a connected account."""
    payee = call.work.get(Payee, call.id)
    payee.metadata = call.metadata(payee.metadata)
    _take(call, payee)
    call.work.save(payee)
    _tell(call.work, payee)
    return render(call.work, payee)


def list_all(call: Call) -> Json:
    """List connected accounts."""
    return listing.listed(call, Payee, render, "/v1/accounts")


def create_link(call: Call) -> Json:
    """Give an address where somebody would type who they are; here nobody has to, and it leads right back."""
    try:
        payee = call.work.get(Payee, call.params["account"])
    except NotFound as error:
        raise no_such("account", error.record_id, "account", status=400) from None
    if call.get("return_url") is None or call.get("refresh_url") is None:
        raise invalid("You must provide a return_url and a refresh_url.", "return_url")
    payee.submitted = True
    call.work.save(payee)
    _tell(call.work, payee)
    return filled(
        stripe.AccountLink,
        object="account_link",
        created=call.work.now,
        expires_at=call.work.now + LINK_SECONDS,
        url=call.params["return_url"],
    )


def _tell(work: Work, payee: Payee) -> None:
    """Tell of a connected account as it does itself: endpoints for connected accounts hear of it."""
    with purse(work, payee.id) as there:
        there.tell("payee.updated", payee)


def _take(call: Call, payee: Payee) -> None:
    for name in UNPLAYED:
        if name in call.params:
            raise unplayed(name)
    payee.email = call.get("email", payee.email)
    payee.about |= {name: call.params[name] for name in KEPT if name in call.params}
    bank = call.get("external_account")
    if bank is not None:
        payee.bank = bank.get("account_number", GOOD_BANK) if isinstance(bank, dict) else GOOD_BANK
