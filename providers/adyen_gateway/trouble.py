"""Everything that can go wrong on the way to Adyen, as the troubles every gateway knows."""

from collections.abc import Mapping
from datetime import datetime

import requests  # noqa: TID251 - what Adyen's package raises
from Adyen.exceptions import AdyenAPIResponseError

from providers.gateway import GatewayTrouble, NotExecuted, NotFound, OutcomeUnknown, Refused, Unreachable
from providers.protection import retry_after

# Adyen's error codes that mean something else than a faulty request.
_IN_PROGRESS, _NO_SUCH_PAYMENT = "704", "167"

# What urllib3, below the package, calls a connection that never came about.
_NO_CONNECTION = frozenset({"NewConnectionError", "ConnectTimeoutError", "NameResolutionError"})


def of_adyen(error: AdyenAPIResponseError, now: datetime) -> GatewayTrouble:
    """Say what an error of the SDK means for us; a wait that Adyen asks for counts from `now`."""
    status, code, headers = int(error.status_code or 0), str(error.error_code or ""), _headers(error)
    wait = retry_after(headers.get("retry-after", ""), now)
    if status == 429:
        return NotExecuted("rate_limited", retry_after=wait)
    if status in (401, 403):
        return Refused("not_authorised")
    if not 400 <= status < 500:
        return OutcomeUnknown("server_error", retry_after=wait)
    if code == _IN_PROGRESS or headers.get("transient-error") == "true":
        return NotExecuted("in_progress", retry_after=wait)
    if status == 404 or code == _NO_SUCH_PAYMENT:
        return NotFound("resource_missing")
    return Refused(f"adyen_{code}" if code.replace("_", "").isalnum() else "invalid_request")


def of_connection(error: requests.RequestException) -> GatewayTrouble:
    """Tell a connection that never came about, so that nothing was sent, from an answer that was lost."""
    cause = error.args[0] if error.args else None
    reason = type(getattr(cause, "reason", None)).__name__
    if isinstance(error, requests.ConnectTimeout) or reason in _NO_CONNECTION:
        return Unreachable("unreachable")
    return OutcomeUnknown("no_answer")


def _headers(error: AdyenAPIResponseError) -> Mapping[str, str]:
    return {str(name).lower(): str(value) for name, value in dict(error.headers or {}).items()}
