"""Everything that can go wrong on the way to Stripe, as the troubles every gateway knows."""

from datetime import datetime, timedelta

import stripe

from providers.gateway import (
    Declined,
    GatewayTrouble,
    NeedsFunds,
    NotFound,
    OutcomeUnknown,
    Refused,
    StateConflict,
)
from providers.stripe_gateway.decline import reason
from providers.trouble import of_connection, of_status, wait_asked

# Stripe says 400 for what the object's state does not allow; these codes tell it from a faulty request.
_CONFLICTS = frozenset(
    {
        "payment_intent_unexpected_state",
        "charge_already_refunded",
        "charge_already_captured",
        "charge_expired_for_capture",
        "charge_disputed",
        "charge_not_refundable",
        "checkout_session_not_open",
        "resource_conflict",
    }
)


def of_stripe(error: stripe.StripeError, now: datetime) -> GatewayTrouble:
    """Say what an error of the SDK means for us; a wait that Stripe asks for counts from `now`."""
    if isinstance(error, stripe.APIConnectionError):
        return of_connection(error.__cause__)
    if isinstance(error, stripe.CardError):
        detail = _detail(error)
        return Declined(reason(detail.get("code"), detail.get("decline_code")).decline.value)
    return _by_status(error, wait_asked(error.headers or {}, now))


def _by_status(error: stripe.StripeError, wait: timedelta | None) -> GatewayTrouble:
    status = error.http_status or 0
    if no := of_status(status, wait):
        return no
    if isinstance(error, stripe.IdempotencyError | stripe.InvalidRequestError):
        return _by_code(error, status)
    return OutcomeUnknown("server_error", retry_after=wait)


def _by_code(error: stripe.StripeError, status: int) -> GatewayTrouble:
    code = _detail(error).get("code")
    if isinstance(error, stripe.IdempotencyError):
        return Refused("key_reused")
    if status == 404:
        return NotFound("resource_missing")
    if code in _CONFLICTS:
        return StateConflict(str(code))
    if code == "balance_insufficient":
        return NeedsFunds("balance_insufficient")
    return Refused(str(code or "invalid_request"))


def _detail(error: stripe.StripeError) -> dict[str, str | None]:
    """Read the error's own object: the SDK fills `error.code` for some kinds only."""
    body = error.json_body
    detail = body.get("error") if isinstance(body, dict) else None
    return detail if isinstance(detail, dict) else {}
