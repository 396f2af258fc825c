"""Payment intents: a neutral payment in Stripe's words, and all calls on it."""

from stripe import PaymentIntent

from sandbox import payment as payments
from sandbox.payment import Method, MethodType, Payment
from sandbox.record import Json
from sandbox.stripe import intent_wish, listing, method_type, money, payment_method
from sandbox.stripe.blank import filled
from sandbox.stripe.call import Call
from sandbox.stripe.error import StripeError, card_refused, conflict, invalid, no_such
from sandbox.work import Work

STATUS = {
    "unstarted": "requires_payment_method",
    "unconfirmed": "requires_confirmation",
    "needs_action": "requires_action",
    "processing": "processing",
    "authorized": "requires_capture",
    "captured": "succeeded",
    "cancelled": "canceled",
}
OPTIONS: dict[MethodType, Json] = {
    "card": {
        "installments": None,
        "mandate_options": None,
        "network": None,
        "request_three_d_secure": "automatic",
    },
    "debit": {"mandate_options": {"reference_prefix": None}},
    "klarna": {"preferred_locale": None},
    "afterpay": {"reference": None},
}
OPEN = ("unstarted", "unconfirmed", "needs_action")


def render(work: Work, payment: Payment) -> Json:
    """Return the payment intent of a payment."""
    about, held = payment.about, payment.status == "authorized"
    return filled(
        PaymentIntent,
        id=payment.id,
        object="payment_intent",
        created=payment.created,
        livemode=False,
        amount=payment.amount,
        amount_capturable=payment.authorized if held else 0,
        amount_received=payment.captured,
        amount_details={"tip": {}},
        automatic_payment_methods=about.get("automatic_payment_methods"),
        allowed_payment_method_types=about.get("allowed_payment_method_types"),
        canceled_at=payment.cancelled_at,
        cancellation_reason=payment.cancel_reason,
        capture_method=payment.capture,
        client_secret=client_secret(work, payment),
        confirmation_method=about.get("confirmation_method", "automatic"),
        currency=payment.currency,
        customer=about.get("customer"),
        description=about.get("description"),
        excluded_payment_method_types=about.get("excluded_payment_method_types"),
        last_payment_error=_last_error(work, payment),
        latest_charge=payment.attempt,
        metadata=payment.metadata,
        next_action=_next_action(work, payment),
        payment_method=payment.method,
        payment_method_options={method_type.STRIPES_NAME[each]: OPTIONS[each] for each in payment.takes},
        payment_method_types=[method_type.STRIPES_NAME[each] for each in payment.takes],
        receipt_email=about.get("receipt_email"),
        setup_future_usage=about.get("setup_future_usage"),
        shipping=about.get("shipping"),
        statement_descriptor=about.get("statement_descriptor"),
        statement_descriptor_suffix=about.get("statement_descriptor_suffix"),
        status=STATUS[payment.status],
        transfer_group=about.get("transfer_group"),
    )


def client_secret(work: Work, payment: Payment) -> str:
    """Return what lets a browser with the publishable key act on this intent."""
    return f"{payment.id}_secret_{work.secret(payment.id, length=25)}"


def _last_error(work: Work, payment: Payment) -> Json | None:
    decline = payment.decline
    if decline is None:
        return None
    method = payment_method.render(work, work.get(Method, decline["method"]))
    authentication = decline["code"] == "payment_intent_authentication_failure"
    return filled(
        PaymentIntent.LastPaymentError,
        code=decline["code"],
        decline_code=decline["reason"],
        message=decline["message"],
        charge=decline.get("attempt"),
        payment_method=method,
        type="invalid_request_error" if authentication else "card_error",
    )


def _next_action(work: Work, payment: Payment) -> Json | None:
    if payment.status != "needs_action":
        return None
    url = f"{work.world.public_url}/pay/{payment.id}/challenge"
    return_url = payment.about.get("return_url")
    if return_url is not None:
        return {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": return_url}}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}


def create(call: Call) -> Json:
    """Make a payment intent, and confirm it at once if asked."""
    currency = money.check_currency(call.params["currency"])
    amount = money.check_amount(call.params["amount"], currency)
    intent_wish.check(call)
    about, capture = intent_wish.kept(call, {}), intent_wish.capture_manner(call)
    payment = Payment(
        id=call.work.new_id("payment"),
        account=call.work.account.id,
        created=call.work.now,
        amount=amount,
        currency=currency,
        capture=capture,
        takes=method_type.taken(about, amount=amount, currency=currency, capture=capture),
        metadata=call.metadata(),
        about=about,
    )
    intent_wish.choose(call, payment)
    payments.open_payment(call.work, payment)
    if call.get("confirm", False):
        return _confirm(call, payment)
    for name in ("off_session", "return_url", "mandate_data", "error_on_requires_action", "use_stripe_sdk"):
        if name in call.params:
            raise invalid(f"This parameter, {name}, can only be used if `confirm` is set to true.", name)
    return render(call.work, payment)


def retrieve(call: Call) -> Json:
    """Return one payment intent."""
    return render(call.work, _find(call))


def update(call: Call) -> Json:
    """Change a payment intent that is not settled."""
    payment = _find(call)
    touched = call.params.keys() - {"metadata", "description", "expand", "transfer_group", "receipt_email"}
    if touched and payment.status not in OPEN:
        raise _unexpected(call.work, payment, "updated")
    intent_wish.check(call)
    payment.currency = money.check_currency(call.get("currency", payment.currency))
    payment.amount = money.check_amount(call.get("amount", payment.amount), payment.currency)
    payment.capture = intent_wish.capture_manner(call, payment)
    payment.metadata, payment.about = call.metadata(payment.metadata), intent_wish.kept(call, payment.about)
    if payment.status in OPEN:
        _narrow(payment)
    intent_wish.choose(call, payment)
    call.work.save(payment)
    return render(call.work, payment)


def confirm(call: Call) -> Json:
    """Try to pay."""
    payment = _find(call)
    if payment.status not in ("unstarted", "unconfirmed"):
        raise _unexpected(call.work, payment, "confirmed")
    if payment.checkout is not None:
        raise conflict(
            "You cannot confirm a PaymentIntent that was created by a Checkout Session.",
            "payment_intent_unexpected_state",
            payment_intent=render(call.work, payment),
        )
    intent_wish.check(call)
    payment.about = intent_wish.kept(call, payment.about)
    payment.capture = intent_wish.capture_manner(call, payment)
    _narrow(payment)
    intent_wish.choose(call, payment)
    return _confirm(call, payment)


def capture(call: Call) -> Json:
    """Take held money, or part of it."""
    payment = _find(call)
    if payment.status != "authorized":
        raise _unexpected(call.work, payment, "captured")
    amount = call.get("amount_to_capture", payment.authorized)
    if not 1 <= amount <= payment.authorized:
        raise invalid(
            f"The amount to capture must be between 1 and {payment.authorized}.",
            "amount_to_capture",
            "amount_too_large" if amount > payment.authorized else "parameter_invalid_integer",
        )
    payment.metadata = call.metadata(payment.metadata)
    payments.capture(call.work, payment, amount)
    return render(call.work, payment)


def cancel(call: Call) -> Json:
    """Give a payment intent up."""
    payment = _find(call)
    if payment.checkout is not None and payment.status != "authorized":
        raise conflict(
            "You cannot cancel a PaymentIntent that was created by a Checkout Session; expire the session.",
            "payment_intent_unexpected_state",
            payment_intent=render(call.work, payment),
        )
    if payment.status in ("processing", "captured", "cancelled"):
        raise _unexpected(call.work, payment, "canceled")
    payments.cancel(call.work, payment, call.get("cancellation_reason"))
    return render(call.work, payment)


def list_all(call: Call) -> Json:
    """List payment intents."""
    where = listing.about("about.customer", call.get("customer"))
    return listing.listed(call, Payment, render, "/v1/payment_intents", where)


def _narrow(payment: Payment) -> None:
    payment.takes = method_type.taken(
        payment.about, amount=payment.amount, currency=payment.currency, capture=payment.capture
    )


def _find(call: Call) -> Payment:
    payment = call.work.get(Payment, call.id)
    if not call.secret and call.params.get("client_secret") != client_secret(call.work, payment):
        raise no_such("payment_intent", payment.id, "intent")
    return payment


def _unexpected(work: Work, payment: Payment, wanted: str) -> StripeError:
    return conflict(
        f"This PaymentIntent's status is {STATUS[payment.status]}; it could not be {wanted}.",
        "payment_intent_unexpected_state",
        payment_intent=render(work, payment),
    )


def _confirm(call: Call, payment: Payment) -> Json:
    if payment.method is None:
        raise conflict(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either "
            "update the PaymentIntent with a payment method and then confirm it again, or confirm it again "
            "directly with a payment method or ConfirmationToken.",
            "payment_intent_unexpected_state",
            payment_intent=render(call.work, payment),
        )
    automatic = payment.about.get("automatic_payment_methods") or {}
    absent = payment.about.get("off_session") in (True, "true", "one_off", "recurring")
    if automatic.get("allow_redirects") == "always" and not payment.about.get("return_url") and not absent:
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because "
            "some of these payment methods might redirect your customer off of your page, you must provide a "
            "`return_url`. If you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment "
            "Intents.",
            "return_url",
        )
    method = call.work.get(Method, payment.method)
    intent_wish.check_method(call, payment, method)
    if payments.submit(call.work, payment, method, absent=absent) == "declined":
        decline = payment.decline or {}
        raise card_refused(decline, render(call.work, payment), decline.get("attempt"))
    return render(call.work, payment)
