"""What any provider means by an HTTP status, where the body of its answer says nothing more, and what becomes
of a call whose answer never came. What a body says is read by each gateway for itself.

Source: RFC 9110, section 15; RFC 6585, section 4.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import aiohttp

from providers.gateway import GatewayTrouble, NotExecuted, OutcomeUnknown, Refused, Unreachable
from providers.protection import retry_after


def of_status(status: int, wait: timedelta | None) -> GatewayTrouble | None:
    """Say what a status that is no success means for us; nothing for a request that was found wrong, which
    the body has to explain. `wait` is what the provider asks for.
    """
    if status == 429:
        return NotExecuted("rate_limited", retry_after=wait)
    if status == 409:
        return NotExecuted("in_progress", retry_after=wait)
    if status in (401, 403):
        return Refused("not_authorised")
    if not 400 <= status < 500:
        return OutcomeUnknown("server_error", retry_after=wait)
    return None


def of_connection(cause: BaseException | None) -> GatewayTrouble:
    """Tell a connection that never came about, so that nothing was sent, from an answer that was lost."""
    never = isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return no_answer(sent=not never)


def no_answer(*, sent: bool) -> GatewayTrouble:
    """Say what a call means that nobody has answered: what was never sent was never done."""
    return OutcomeUnknown("no_answer") if sent else Unreachable("unreachable")


def wait_asked(headers: Mapping[str, object], now: datetime) -> timedelta | None:
    """Read how long a provider wants to be left alone, counted from `now`; names of headers in any case."""
    asked = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), "")
    return retry_after(asked, now)
