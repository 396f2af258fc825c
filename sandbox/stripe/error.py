"""Stripe's ways of saying no, in the JSON its SDK turns into exceptions.

`saved` tells whether the answer is kept under the idempotency key (execution had begun), `keeps` whether what
was done on the way, a declined charge for instance, stays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.record import Json

INVALID = "invalid_request_error"


class StripeError(Exception):
    """An answer other than success."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        error_type: str = INVALID,
        saved: bool = False,
        keeps: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.saved, self.keeps = status, saved, keeps
        named = {"code": code, "message": message, "param": param, "type": error_type, **more}
        self.error: Json = {name: value for name, value in named.items() if value is not None}


def missing(param: str) -> StripeError:
    """Return the refusal of a request that lacks a parameter."""
    return StripeError(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> StripeError:
    """Return the refusal of a parameter the endpoint does not have."""
    return StripeError(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def invalid(message: str, param: str, code: str | None = None) -> StripeError:
    """Return the refusal of a parameter's value."""
    return StripeError(400, message, code=code, param=param)


def no_such(what: str, record_id: str, param: str, status: int = 404) -> StripeError:
    """Return the answer to an id the account does not own."""
    return StripeError(status, f"No such {what}: '{record_id}'", code="resource_missing", param=param)


def conflict(message: str, code: str, **more: Any) -> StripeError:
    """Return the refusal of something the object's state does not allow; saved, for execution had begun."""
    return StripeError(400, message, code=code, saved=True, **more)


def card_refused(decline: Mapping[str, Any], intent: Json | None, charge: str | None) -> StripeError:
    """Return the 402 for a card that said no."""
    return StripeError(
        402,
        decline["message"],
        code=decline["code"],
        decline_code=decline["reason"],
        error_type="card_error",
        charge=charge,
        payment_intent=intent,
        saved=True,
        keeps=True,
        param=_card_param(decline["code"]),
        advice_code=None if decline["reason"] is None else "try_again_later",
    )


def _card_param(code: str) -> str | None:
    return {"incorrect_cvc": "cvc", "incorrect_number": "number", "expired_card": "exp_month"}.get(code)


def unplayed(param: str) -> StripeError:
    """Return the refusal of something the real Stripe has and the sandbox has not: loud, not ignored."""
    return invalid(f"The sandbox does not play {param} yet.", param, "sandbox_unsupported")


def only_one(names: Sequence[str]) -> StripeError:
    """Return the refusal of parameters that exclude each other."""
    return invalid(f"You may only specify one of these parameters: {', '.join(names)}.", names[-1])
