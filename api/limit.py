"""How often a caller may ask, counted for all processes together, and where a request comes from.

    user        each user and each booking's token
    anonymous   each address, for who shows a channel's key or nothing that holds
    payments    each address, for attempts to pay; the same payment counts once
    guesses     each address, for payment links that were never made

What is left stands in `RateLimit` and `RateLimit-Policy` (IETF draft *RateLimit header fields for HTTP*) of
every answer that was counted. Addresses and callers are kept as keyed hashes only. What machines ask and what
providers send is not counted.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

import structlog
from fastapi import Request
from pydantic import JsonValue
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db import limit
from db.session import Connection, Database
from domain.ids import PaymentId, TenantId
from domain.limit import BlockKind, Policy, Use
from domain.refusal import Forbidden, QuotaExceeded, Unknown

log = structlog.get_logger(__name__)

Network: TypeAlias = IPv4Network | IPv6Network

# Whoever has one address of IPv6 has all of its network (RFC 6177).
IPV6_PREFIX = 64
USED = "holdfast.rate_limits"


@dataclass(frozen=True)
class Rules:
    """The policies; after how many attempts to pay from one address a person looks at the next; the key of
    the hashes; the proxies whose word about a client's address counts.
    """

    user: Policy
    anonymous: Policy
    payments: Policy
    guesses: Policy
    suspicious_after: int
    suspicious_within: timedelta
    secret: bytes
    proxies: Sequence[Network]


class Limits:
    """Counts what callers ask."""

    def __init__(self, database: Database, rules: Rules) -> None:
        self._database, self._rules = database, rules

    async def count(self, request: Request, tenant_id: TenantId | None = None, caller: str = "") -> None:
        """Count a request of a caller, or of the address it came from. Refuses QuotaExceeded."""
        policy = self._rules.user if caller else self._rules.anonymous
        if not policy.quota:
            return
        subject = self.mark(f"{tenant_id}:{caller}") if caller else self.address(request)
        use = await limit.spend(self._database, policy, subject)
        request.scope.setdefault(USED, []).append(use)
        _refuse_exceeded(use)

    async def count_payment(
        self,
        connection: Connection,
        request: Request,
        tenant_id: TenantId,
        payment_id: PaymentId,
        user_id: str | None,
    ) -> bool:
        """Count an attempt to pay, in the transaction that claims its key; says whether it is one of so many
        that a person should look at it before it is accepted (PAY-25).

        Refuses QuotaExceeded, and Forbidden for who is blocked; then nothing was tried.
        """
        use, lately, barred = await limit.try_to_pay(
            connection,
            tenant_id,
            self.address(request),
            payment_id,
            self._rules.payments,
            user_id=user_id,
            within=self._rules.suspicious_within,
        )
        if barred is not None:
            raise _turned_away(barred.kind, barred.reason)
        if use.policy.quota:
            request.scope.setdefault(USED, []).append(use)
            _refuse_exceeded(use)
        return 0 < self._rules.suspicious_after < lately

    @asynccontextmanager
    async def guessing(self, request: Request) -> AsyncIterator[None]:
        """Count, of an address, what turns out Unknown; after too many it is shown nothing, be it right.

        Refuses QuotaExceeded.
        """
        policy, address = self._rules.guesses, self.address(request)
        if policy.quota:
            use = await limit.used(self._database, policy, address)
            _refuse_exceeded(use.model_copy(update={"used": use.used + 1}))
        try:
            yield
        except Unknown:
            if policy.quota:
                await limit.spend(self._database, policy, address)
            raise

    async def refuse_blocked(
        self, connection: Connection, tenant_id: TenantId, kind: BlockKind, subject: str
    ) -> None:
        """Refuse Forbidden for who is blocked; the reason is for our log alone."""
        reason = await limit.blocked(connection, tenant_id, kind, subject)
        if reason is not None:
            raise _turned_away(kind, reason)

    def address(self, request: Request) -> str:
        """Give what stands for the address that a request came from."""
        return self.mark(network(self.client(request)))

    def client(self, request: Request) -> str:
        """Give the address that a request came from: the last one that no proxy of ours wrote."""
        peer = request.client.host if request.client else ""
        written = request.headers.get("x-forwarded-for")
        forwarded = [each.strip() for each in written.split(",")] if written else []
        while forwarded and self._is_ours(peer) and is_address(forwarded[-1]):
            peer = forwarded.pop()
        return peer

    def mark(self, text: str) -> str:
        """Give the keyed hash of a caller or an address, to count by and to compare."""
        return hmac.new(self._rules.secret, text.encode(), hashlib.sha256).hexdigest()[:32]

    def _is_ours(self, peer: str) -> bool:
        return is_address(peer) and any(ip_address(peer) in proxies for proxies in self._rules.proxies)


class RateLimitFields:
    """Says in the headers of an answer what is left of the policies that the request was counted under."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def saying(message: Message) -> None:
            uses: list[Use] = scope.get(USED, [])
            if uses and message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = ", ".join(
                    f'"{use.policy.name}";q={use.policy.quota};w={use.policy.seconds}' for use in uses
                )
                headers["RateLimit"] = ", ".join(
                    f'"{use.policy.name}";r={use.remaining};t={use.resets_in}' for use in uses
                )
            await send(message)

        await self.app(scope, receive, saying)


def network(client: str) -> str:
    """Give what counts as one address: of IPv6 the network that a household or machine has."""
    try:
        address: IPv4Address | IPv6Address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, IPV6_PREFIX), strict=False))


def is_address(text: str) -> bool:
    """Say whether a text is an address of the Internet."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _turned_away(kind: BlockKind, reason: str) -> Forbidden:
    log.warning("somebody blocked was turned away", kind=kind.value, reason=reason)
    return Forbidden("This is not possible for you.")


def _refuse_exceeded(use: Use) -> None:
    if use.is_exceeded:
        facts: dict[str, JsonValue] = {"violated-policies": [use.policy.name], "retry_after": use.resets_in}
        raise QuotaExceeded("More was asked than this caller may.", **facts)
