"""The way to Adyen: its own package, which waits, in threads that wait for it; no retries of its own.

The provider's words stay in our log: they may speak of a person, and a failure is kept in histories.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import Adyen
import requests  # noqa: TID251 - what Adyen's package raises
import structlog
from Adyen.exceptions import AdyenAPIResponseError, AdyenError

from observability.call import outgoing
from providers.adyen_gateway import trouble
from providers.adyen_gateway.address import DISPUTES, REPORTS, TRANSFERS, beside
from providers.adyen_gateway.fact import PROVIDER, Json
from providers.gateway import GatewayTrouble, OutcomeUnknown
from providers.protection import Guard
from providers.trouble import no_answer

# The guard lets fewer calls through; a thread waits for each.
THREADS = 40
VERSION = "v72"
# The package limits the pause between two bytes, not how long all of them may take; where it gives up first,
# it knows whether anything was sent.
LONGER_SECONDS = 0.5

log = structlog.get_logger(__name__)


class AdyenClient:
    """One account's way to Adyen, whose Checkout API is below `api`; all calls pass the `guard`."""

    def __init__(
        self,
        *,
        api: str,
        api_key: str,
        merchant: str,
        timeout: timedelta,
        guard: Guard,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._guard, self._clock = guard, clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="adyen")
        self._reports, self._key, self._timeout = f"{beside(api, REPORTS)}/{merchant}", api_key, timeout
        package = _package(api_key, merchant, api, timeout)
        self.checkout = _at(package.checkout, f"{api}/{VERSION}")
        self.disputes = _at(package.disputes, beside(api, DISPUTES)).disputes_api
        self.transfers = _at(package.transfers, beside(api, TRANSFERS)).transfers_api

    async def post(
        self, operation: str, call: Callable[..., Any], body: Json, *, key: str | None = None
    ) -> Json:
        """Ask for something; under an idempotency key it is done once. Raises a gateway's troubles."""
        return _something(await self._ask(operation, lambda: call(body, idempotency_key=key).message))

    async def look(self, operation: str, call: Callable[..., Any], **query: str) -> Json:
        """Ask how something stands. Raises a gateway's troubles."""
        found = _quoted(query)
        return _something(await self._ask(operation, lambda: call(query_parameters=found).message))

    async def delete(self, operation: str, call: Callable[..., Any], **query: str) -> None:
        """Ask for something to be forgotten. Raises a gateway's troubles."""
        found = _quoted(query)
        await self._ask(operation, lambda: call(query_parameters=found).message)

    async def report(self, name: str) -> str:
        """Read a report of the merchant account. Raises a gateway's troubles."""
        return str(await self._ask("report", partial(self._downloaded, name)))

    def _downloaded(self, name: str) -> str:
        """Read a file, which the package does not do, and fail as it would."""
        address, seconds = f"{self._reports}/{quote(name, safe='')}", self._timeout.total_seconds()
        answer = requests.get(address, headers={"X-API-Key": self._key}, timeout=seconds)
        if answer.status_code != 200:
            raise AdyenAPIResponseError("no file", headers=answer.headers, status_code=answer.status_code)
        return answer.content.decode("utf-8-sig")

    async def _ask(self, operation: str, asking: Callable[[], Any]) -> Any:
        """Have a thread wait for Adyen's answer; what goes wrong is one of a gateway's troubles."""
        with outgoing(PROVIDER, operation):
            async with self._guard.call():
                return await self._answer(operation, asking)

    async def _answer(self, operation: str, asking: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout.total_seconds() + LONGER_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, asking)
        except TimeoutError:
            raise no_answer(sent=True) from None
        except AdyenAPIResponseError as error:
            no = trouble.of_adyen(error, datetime.fromtimestamp(self._clock(), UTC))
            _note(operation, no, str(error.psp or ""))
            raise no from None
        except requests.RequestException as error:
            raise trouble.of_connection(error) from None
        except (AdyenError, TypeError, AttributeError, ValueError):  # JSON of no shape that the SDK knows
            raise OutcomeUnknown("not_understood") from None


def _something(answer: Any) -> Json:
    if not isinstance(answer, dict) or not answer:
        raise OutcomeUnknown("not_understood")
    return answer


def _quoted(query: dict[str, str]) -> dict[str, str]:
    """Write the values of a query as they go over the wire, which the package leaves to us."""
    return {name: quote(value, safe="") for name, value in query.items()}


def _note(operation: str, no: GatewayTrouble, psp: str) -> None:
    log.warning(
        "provider said no",
        provider=PROVIDER,
        operation=operation,
        trouble=type(no).__name__,
        reason=no.reason,
        provider_request=psp,
    )


def _package(api_key: str, merchant: str, api: str, timeout: timedelta) -> Any:
    """Make Adyen's package for the mode of an address."""
    live = "-live" in api  # else the package would write another host
    return Adyen.Adyen(
        xapikey=api_key,
        merchant_account=merchant,
        platform="live" if live else "test",
        http_timeout=timeout.total_seconds(),
        http_force="requests",
        live_endpoint_prefix="given by the address",
    )


def _at(services: Any, address: str) -> Any:
    """Have all services of an API ask below an address."""
    for service in vars(services).values():
        if hasattr(service, "baseUrl"):
            service.baseUrl = address
    return services
