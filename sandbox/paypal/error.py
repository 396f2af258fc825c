"""How PayPal says no: a name, a sentence, an id for its support, and details whose `issue` is what counts."""

import json
from collections.abc import Mapping

from sandbox.answer import Answer
from sandbox.record import Json

NAMES: Mapping[str, tuple[int, str]] = {
    "INVALID_REQUEST": (400, "Request is not well-formed, syntactically incorrect, or violates schema."),
    "AUTHENTICATION_FAILURE": (
        401,
        "Authentication failed due to missing authorization header, or invalid authentication credentials.",
    ),
    "RESOURCE_NOT_FOUND": (404, "The specified resource does not exist."),
    "METHOD_NOT_SUPPORTED": (405, "The server does not implement the requested HTTP method."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "The server does not support the request payload's media type."),
    "UNPROCESSABLE_ENTITY": (
        422,
        "The requested action could not be performed, semantically incorrect, or failed business validation.",
    ),
    "RATE_LIMIT_REACHED": (429, "Too many requests. Blocked due to rate limiting."),
    "USER_BUSINESS_ERROR": (400, "User business error."),
    "INSUFFICIENT_FUNDS": (422, "Sender does not have sufficient funds. Please add funds and retry."),
    "INTERNAL_SERVER_ERROR": (500, "An internal server error has occurred."),
}

# What is wrong, in PayPal's word and its sentence. All of these are 422, and can be asked for by name with
# the header PayPal-Mock-Response.
ISSUES: Mapping[str, str] = {
    "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE": "This action is not allowed for this dispute.",
    "AMOUNT_MISMATCH": "Should equal item_total + tax_total + shipping + handling + insurance - discounts.",
    "AUTHORIZATION_ALREADY_CAPTURED": "Authorization has already been captured.",
    "AUTHORIZATION_EXPIRED": "Authorization has expired.",
    "AUTHORIZATION_VOIDED": "Authorization has been voided.",
    "CANNOT_BE_VOIDED": "Authorization can no longer be voided.",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "Must be greater than zero.",
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded.",
    "CURRENCY_MISMATCH": "The currency differs from that of the payment.",
    "CURRENCY_NOT_SUPPORTED": "Currency code is not currently supported.",
    "DECIMAL_PRECISION": "The value of the field should not be more than two decimal places.",
    "DECIMALS_NOT_SUPPORTED": "Currency does not support decimals.",
    "DUPLICATE_INVOICE_ID": "Duplicate invoice ID detected. To avoid a potential duplicate transaction your "
    "account setting requires that invoice ID be unique for each transaction.",
    "INSTRUMENT_DECLINED": "The instrument presented was either declined by the processor or bank, or it "
    "can't be used for this payment.",
    "ITEM_TOTAL_REQUIRED": "If item details are specified, item_total is required.",
    "MAX_CAPTURE_AMOUNT_EXCEEDED": "Capture amount exceeds allowable limit.",
    "ORDER_ALREADY_AUTHORIZED": "Order already authorized.",
    "ORDER_ALREADY_CAPTURED": "Order already captured.",
    "ORDER_NOT_APPROVED": "Payer has not yet approved the Order for payment.",
    "ACTION_DOES_NOT_MATCH_INTENT": "Order was created with an intent that forbids this action.",
    "NOT_PATCHABLE": "Cannot be patched.",
    "PENDING_CAPTURE": "Cannot initiate a refund as the capture is pending.",
    "PREVIOUSLY_VOIDED": "Authorization has been previously voided and hence cannot be voided again.",
    "REAUTHORIZATION_TOO_SOON": "A reauthorization is allowed only from the fourth day on.",
    "REFUND_AMOUNT_EXCEEDED": "The refund amount must be less than or equal to the capture amount that has "
    "not yet been refunded.",
    "REFUND_FAILED_INSUFFICIENT_FUNDS": "Capture could not be refunded due to insufficient funds.",
    "REFUND_TIME_LIMIT_EXCEEDED": "You are over the time limit to perform a refund on this capture.",
    "TRANSACTION_DISPUTED": "Refunds cannot be offered because there is an open case on this transaction.",
    "TRANSACTION_REFUSED": "PayPal's internal controls prevent authorization from being captured.",
}
HELP = "https://developer.paypal.com/api/rest/reference/orders/v2/errors/"


class PayPalError(Exception):
    """Raised to refuse a request; with `keeps`, what was done before stays done."""

    def __init__(self, name: str, *details: Json, keeps: bool = False) -> None:
        super().__init__(name)
        self.name, self.details, self.keeps = name, details, keeps
        self.status, self.message = NAMES[name]


def unprocessable(issue: str, field: str | None = None, *, keeps: bool = False) -> PayPalError:
    """Return a refusal of something that is well-formed and cannot be done."""
    return PayPalError("UNPROCESSABLE_ENTITY", _detail(issue, ISSUES[issue], field), keeps=keeps)


def invalid(issue: str, description: str, field: str | None = None, location: str = "body") -> PayPalError:
    """Return a refusal of something that is not well-formed."""
    return PayPalError("INVALID_REQUEST", _detail(issue, description, field) | {"location": location})


def unplayed(field: str) -> PayPalError:
    """Return a refusal of what PayPal knows and the sandbox does not play."""
    return invalid("SANDBOX_UNSUPPORTED", "The sandbox does not play this.", field)


def no_such() -> PayPalError:
    """Return what is said of an id that names nothing in this account."""
    text = "Specified resource ID does not exist. Please check the resource ID and try again."
    return PayPalError("RESOURCE_NOT_FOUND", _detail("INVALID_RESOURCE_ID", text, None))


def failed(error: PayPalError, debug_id: str) -> Answer:
    """Return a refusal as an answer."""
    issue = error.details[0]["issue"] if error.details else error.name
    body = {
        "name": error.name,
        "details": list(error.details),
        "message": error.message,
        "debug_id": debug_id,
        "links": [{"href": f"{HELP}#{issue}", "rel": "information_link", "method": "GET"}],
    }
    return Answer(error.status, json.dumps(body).encode())


def _detail(issue: str, description: str, field: str | None) -> Json:
    return {"issue": issue, "description": description} | ({} if field is None else {"field": field})
