"""Everything that can go wrong on the way to Adyen, as the troubles every gateway knows."""

from datetime import datetime

import requests  # noqa: TID251 - what Adyen's package raises
from Adyen.exceptions import AdyenAPIResponseError

from providers.gateway import GatewayTrouble, NotExecuted, NotFound, Refused
from providers.trouble import no_answer, of_status, wait_asked

# Adyen's error codes that mean something else than a faulty request.
_IN_PROGRESS = "704"
# No such payment; nothing stored for this shopper under this token.
_NOT_THERE = frozenset({"167", "800"})

# What urllib3, below the package, calls a connection that never came about.
_NO_CONNECTION = frozenset({"NewConnectionError", "ConnectTimeoutError", "NameResolutionError"})


def of_adyen(error: AdyenAPIResponseError, now: datetime) -> GatewayTrouble:
    """Say what an error of the SDK means for us; a wait that Adyen asks for counts from `now`."""
    status, code = int(error.status_code or 0), str(error.error_code or "")
    headers = {str(name).lower(): str(value) for name, value in dict(error.headers or {}).items()}
    wait = wait_asked(headers, now)
    if no := of_status(status, wait):
        return no
    if code == _IN_PROGRESS or headers.get("transient-error") == "true":
        return NotExecuted("in_progress", retry_after=wait)
    if status == 404 or code in _NOT_THERE:
        return NotFound("resource_missing")
    return Refused(f"adyen_{code}" if code.replace("_", "").isalnum() else "invalid_request")


def of_connection(error: requests.RequestException) -> GatewayTrouble:
    """Tell a connection that never came about, so that nothing was sent, from an answer that was lost."""
    cause = error.args[0] if error.args else None
    reason = type(getattr(cause, "reason", None)).__name__
    never = isinstance(error, requests.ConnectTimeout) or reason in _NO_CONNECTION
    return no_answer(sent=not never)
