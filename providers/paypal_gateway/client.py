"""PayPal's REST API, as far as we ask it: JSON, one access token for all calls, no retries of its own.

A token is fetched once for however many calls wait for it, and again shortly before it ends or when PayPal
takes it no more.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import structlog

from observability.call import outgoing
from providers.gateway import GatewayTrouble, NotExecuted, OutcomeUnknown, Refused, Unreachable
from providers.paypal_gateway.trouble import of_answer
from providers.protection import Guard
from providers.trouble import of_connection, wait_asked

log = structlog.get_logger(__name__)

Json = dict[str, Any]

CONNECT_SECONDS = 3
# A token that ends within this is renewed first.
EARLY_SECONDS = 60
JSON_TYPE = "application/json"


class PayPalClient:
    """One account's way to PayPal; `http` is the process's own session, which whoever made it closes."""

    def __init__(
        self,
        *,
        api: str,
        client_id: str,
        secret: str,
        http: aiohttp.ClientSession,
        timeout: timedelta,
        guard: Guard,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api, self._http, self._guard, self._clock = api, http, guard, clock
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds(), connect=CONNECT_SECONDS)
        self._login = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        self._token, self._ends = "", 0.0
        self._renewing = asyncio.Lock()

    async def ask(
        self, operation: str, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> Json:
        """Make one call, under the PayPal-Request-Id `key`; gives its JSON, nothing for 204.

        Raises one of a gateway's troubles. PayPal's words stay in its answer; its id for its support is
        logged.
        """
        token = await self._access()
        try:
            return await self._called(operation, method, path, body, key, token)
        except Refused as no:
            if no.reason != "not_authorised" or not self._is_stale(token):
                raise
        return await self._called(operation, method, path, body, key, await self._access())

    def _is_stale(self, token: str) -> bool:
        """Forget a token that was taken no more; say whether another one may be."""
        if self._token == token:
            self._token = ""
            return True
        return bool(self._token)

    async def _access(self) -> str:
        """Give a token that is good for a while. Raises Refused, NotExecuted: nothing was asked for yet."""
        async with self._renewing:
            if self._token and self._clock() < self._ends - EARLY_SECONDS:
                return self._token
            try:
                answer = await self._sent(
                    "token",
                    "POST",
                    "/v1/oauth2/token",
                    {"Authorization": f"Basic {self._login}"},
                    data={"grant_type": "client_credentials"},
                )
                self._token = str(answer["access_token"])
                self._ends = self._clock() + float(answer["expires_in"])
            except OutcomeUnknown as no:
                raise Unreachable("no_token", retry_after=no.retry_after) from None
            except (KeyError, ValueError, TypeError):
                raise NotExecuted("no_token") from None
            return self._token

    async def _called(
        self, operation: str, method: str, path: str, body: Any, key: str | None, token: str
    ) -> Json:
        headers = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
        if key is not None:
            headers["PayPal-Request-Id"] = key
        data = None if method == "GET" else json.dumps({} if body is None else body)
        return await self._sent(operation, method, path, {**headers, "Content-Type": JSON_TYPE}, data=data)

    async def _sent(
        self, operation: str, method: str, path: str, headers: Mapping[str, str], data: Any
    ) -> Json:
        with outgoing("paypal", operation):
            async with self._guard.call():
                try:
                    async with self._http.request(
                        method,
                        f"{self._api}{path}",
                        headers=headers,
                        data=data,
                        timeout=self._timeout,
                        allow_redirects=False,
                    ) as response:
                        return self._read(operation, response, await response.read())
                except (aiohttp.ClientError, TimeoutError) as error:
                    raise of_connection(error) from None

    def _read(self, operation: str, response: aiohttp.ClientResponse, raw: bytes) -> Json:
        answer = _json(raw) if raw else {}
        if response.ok and isinstance(answer, dict):
            return answer
        no: GatewayTrouble = OutcomeUnknown("not_understood")
        if not response.ok:
            now = datetime.fromtimestamp(self._clock(), UTC)
            no = of_answer(response.status, answer, wait_asked(response.headers, now))
        log.warning(
            "provider said no",
            provider="paypal",
            operation=operation,
            trouble=type(no).__name__,
            reason=no.reason,
            provider_request=response.headers.get("Paypal-Debug-Id"),
        )
        raise no


@contextmanager
def understood() -> Iterator[None]:
    """Take an answer of another shape than PayPal's for no answer."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise OutcomeUnknown("notunderstood") from None


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
