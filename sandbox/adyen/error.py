"""Adyen's refusals: `{status, errorCode, message, errorType, pspReference}`.

Source: Adyen, "API response handling" and "Error codes and types".
"""

from typing import Literal

ErrorType = Literal["validation", "security", "internal", "configuration"]


class AdyenError(Exception):
    """Raised when Adyen will not take a request."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        error_type: ErrorType = "validation",
        *,
        transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.error_type = status, code, message, error_type
        self.transient = transient


def invalid(code: str, message: str) -> AdyenError:
    """Return a refusal of what a request says."""
    return AdyenError(422, code, message)


def malformed(message: str) -> AdyenError:
    """Return a refusal of a request's shape."""
    return AdyenError(400, "702", message)


def missing(field: str) -> AdyenError:
    """Return a refusal of a request that lacks something."""
    codes = {"amount": "100", "reference": "130", "returnUrl": "14_030"}
    return invalid(codes.get(field, "158"), f"Required field '{field}' is not provided.")


def unauthorized() -> AdyenError:
    """Return a refusal of whoever shows no key."""
    return AdyenError(401, "000", "HTTP Status Response - Unauthorized", "security")


def foreign_merchant() -> AdyenError:
    """Return a refusal of a merchant account that is not the caller's."""
    return AdyenError(403, "901", "Invalid Merchant Account", "security")


def unknown_payment() -> AdyenError:
    """Return a refusal of a reference that is no payment's."""
    return invalid("167", "Original pspReference required for this operation")
