"""Who calls and what they may, and the handles that routes use.

A caller shows one of three things as `Authorization: Bearer …`:

    pk_…            a channel's publishable key: books and sees what anybody may see
    booking token   opens one booking: read, pay, cancel; in the answer of the create call
    user's token    what the user's roles grant, within the token's tenant

Every route declares its permission with `may(…)` or says that it is `OPEN`; a test walks them all. A role too
low is 403; a thing that is not the caller's is 404, like one that is not there.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, JsonValue

from api.feed import Feed
from api.group import Groups
from api.intake import Intake
from api.limit import Limits
from api.recent import Recent
from api.waker import Waker
from db import tenant as tenants
from db.booking.place import Placed, Placement
from db.catalog import Sale
from db.session import Database
from db.tenant import Channel
from domain.catalog import SHOWN, SaleStatus
from domain.ids import BookingId, OfferId, SlotId, TenantId
from domain.limit import BlockKind
from domain.refusal import Forbidden, InvalidRequest, KeyMissing, SalesClosed, Unauthenticated, Unknown
from providers import token
from providers.gateway import Gateways
from providers.mail.event import MailEvents
from providers.seal import Seal
from providers.token import BookingTokens, KeyRing, LinkTokens, TicketTokens, UserTokens
from workflows.client import Sagas
from workflows.codec import SealedPayloads

# In front of every route but the pages and what machines ask.
BASE = "/api/v1"

# How long a verdict on a token may be remembered: a key that is withdrawn works this much longer.
VERDICT = timedelta(seconds=60)
VERDICTS = 10_000
PUBLISHABLE = "pk_"


class Permission(StrEnum):
    """What a route may declare."""

    SEE_CATALOGUE = "see_catalogue"
    BOOK = "book"
    READ_BOOKING = "read_booking"
    LIST_BOOKINGS = "list_bookings"
    PAY = "pay"
    CLAIM = "claim"
    CHANGE = "change"
    CANCEL = "cancel"
    KEEP_METHODS = "keep_methods"
    REFUND = "refund"
    CAPTURE = "capture"
    LINK = "link"
    TAKE_CASH = "take_cash"
    SEE_REPORTS = "see_reports"
    ACCEPT = "accept"
    OPERATE = "operate"
    DECODE = "decode"


class Reach(StrEnum):
    """Whose bookings a role opens."""

    NONE = "none"
    ONE = "one"
    OWN = "own"
    TENANT = "tenant"


_P = Permission
_GUEST = {_P.READ_BOOKING, _P.CHANGE, _P.PAY, _P.CANCEL}
_USER = {_P.SEE_CATALOGUE, _P.BOOK, _P.CLAIM, _P.LIST_BOOKINGS, _P.KEEP_METHODS}
_STAFF = {_P.SEE_CATALOGUE, _P.READ_BOOKING, _P.LIST_BOOKINGS, _P.SEE_REPORTS}
_OFFICE = {*_STAFF, _P.LINK, _P.REFUND, _P.CAPTURE, _P.CANCEL, _P.ACCEPT}
_DESK = {*_OFFICE, _P.OPERATE}

# Operators of the platform itself: they also see what belongs to no tenant yet.
PLATFORM = "platform"

# Role → what it may, and whose. A role that is not here may nothing.
GRANTS: Mapping[str, tuple[frozenset[Permission], Reach]] = {
    "channel": (frozenset({_P.SEE_CATALOGUE, _P.BOOK}), Reach.NONE),
    "booking": (frozenset({_P.SEE_CATALOGUE, *_GUEST}), Reach.ONE),
    "user": (frozenset({*_USER, *_GUEST}), Reach.OWN),
    "staff": (frozenset(_STAFF), Reach.TENANT),
    "cashier": (frozenset({*_STAFF, _P.BOOK, _P.PAY, _P.TAKE_CASH}), Reach.TENANT),
    "organizer": (frozenset(_OFFICE), Reach.TENANT),
    "operator": (frozenset(_DESK), Reach.TENANT),
    "admin": (frozenset(_DESK), Reach.TENANT),
    PLATFORM: (frozenset({*_DESK, _P.DECODE}), Reach.TENANT),
}


@dataclass(frozen=True)
class Caller:
    """Who calls: `name` tells callers apart for their idempotency keys, `email` is verified."""

    name: str
    tenant_id: TenantId
    roles: tuple[str, ...]
    user_id: str | None = None
    email: str | None = None
    booking_id: BookingId | None = None
    channel: Channel | None = None

    @property
    def is_platform(self) -> bool:
        """Say whether it is one of the platform's own people."""
        return PLATFORM in self.roles

    def may(self, permission: Permission) -> bool:
        """Say whether any of the caller's roles grants this."""
        return any(permission in GRANTS[role][0] for role in self.roles if role in GRANTS)

    def reaches_all(self, permission: Permission) -> bool:
        """Say whether a role that grants this opens all bookings of the tenant."""
        return any(
            permission in GRANTS[role][0] and GRANTS[role][1] is Reach.TENANT
            for role in self.roles
            if role in GRANTS
        )

    def reaches(self, permission: Permission, booking_id: UUID, user_id: str | None) -> bool:
        """Say whether a role that grants this opens the booking with this id and buyer."""
        mine = {
            Reach.TENANT: True,
            Reach.ONE: booking_id == self.booking_id,
            Reach.OWN: user_id is not None and user_id == self.user_id,
            Reach.NONE: False,
        }
        return any(
            permission in GRANTS[role][0] and mine[GRANTS[role][1]] for role in self.roles if role in GRANTS
        )


@dataclass(frozen=True)
class Tokens:
    """Everything that signs or verifies a token here."""

    users: UserTokens
    bookings: BookingTokens
    tickets: TicketTokens
    links: LinkTokens
    keys: tuple[KeyRing, ...]


@dataclass(frozen=True)
class Rules:
    """The settings that routes go by: `publishable_keys` by provider and account, `live` when money is real;
    `ui_origin` is where the Temporal Web UI's pages come from, `codec_ticket` what opens payloads to them.
    """

    api_url: str
    grace: timedelta
    publishable_keys: Mapping[tuple[str, str], str]
    live: bool
    ui_origin: str
    codec_ticket: str


@dataclass
class House:
    """What the application was put together from; routes get its parts by the aliases below."""

    database: Database
    payments: Database  # as the payment role, for the routes of payments alone
    sagas: Sagas
    gateways: Gateways
    mail_events: Mapping[str, MailEvents]  # by account
    tokens: Tokens
    seal: Seal
    waker: Waker
    intake: Intake
    placing: Groups[Placement, Placed]  # a lane for each tenant
    feed: Feed
    limits: Limits
    rules: Rules
    payloads: SealedPayloads | None
    probes: Mapping[str, Callable[[], Awaitable[object]]]
    sales: Recent[tuple[TenantId, OfferId, SlotId], Sale]
    verdicts: "OrderedDict[str, tuple[Caller, datetime]]" = field(default_factory=OrderedDict)

    async def sale(self, tenant_id: TenantId, offer_id: UUID | None, slot_id: UUID | None) -> Sale:
        """Give what is needed to price a choice, as of a second ago at most.

        Refuses Unknown for what buyers do not see, SalesClosed for an offer that is not on sale. Whether the
        slot is, and has places, only the database says when the booking is placed.
        """
        if offer_id is None or slot_id is None:
            raise Unknown
        sale = await self.sales.get((tenant_id, OfferId(offer_id), SlotId(slot_id)))
        if sale.offer.status not in SHOWN:
            raise Unknown
        if sale.offer.status is not SaleStatus.LIVE:
            raise SalesClosed("This offer is not on sale.", offer_id=str(offer_id))
        return sale

    async def shown(self, credential: HTTPAuthorizationCredentials | None, now: datetime) -> Caller:
        """Tell who shows a credential. Refuses Unauthenticated, also when none is shown."""
        if credential is None:
            raise Unauthenticated("Show a key or token as `Authorization: Bearer …`.")
        return await self.caller(credential.credentials, now)

    async def caller(self, shown: str, now: datetime) -> Caller:
        """Tell who shows this credential, from memory for a minute. Refuses Unauthenticated."""
        known = self.verdicts.get(shown)
        if known is None or known[1] <= now:
            known = self.verdicts[shown] = await self._verdict(shown, now)
            if len(self.verdicts) > VERDICTS:
                self.verdicts.popitem(last=False)
        return known[0]

    async def _verdict(self, shown: str, now: datetime) -> tuple[Caller, datetime]:
        soon = now + VERDICT
        if shown.startswith(PUBLISHABLE):
            channel = await self._channel(shown)
            return Caller(f"channel:{channel.id}", channel.tenant_id, ("channel",), channel=channel), soon
        if token.kind(shown) == token.BOOKING:
            opens = self.tokens.bookings.verify(shown, now)
            name = f"booking:{opens.booking_id}"
            guest = Caller(name, opens.tenant_id, ("booking",), booking_id=opens.booking_id)
            return guest, min(soon, datetime.fromtimestamp(opens.exp, UTC))
        user = self.tokens.users.verify(shown, now)
        await self._refuse_blocked(user.tenant, user.sub)
        email = user.email if user.email_verified else None
        known = Caller(f"user:{user.sub}", user.tenant, user.roles, user_id=user.sub, email=email)
        return known, min(soon, datetime.fromtimestamp(user.exp, UTC))

    async def _refuse_blocked(self, tenant_id: TenantId, user_id: str) -> None:
        async with self.database.tenant(tenant_id) as connection:
            await self.limits.refuse_blocked(connection, tenant_id, BlockKind.USER, user_id)

    async def _channel(self, key: str) -> Channel:
        async with self.database.across(shown=key) as connection:
            channel = await tenants.channel(connection, key)
        if channel is None:
            raise Unauthenticated("This key is not known.")
        return channel


async def house(request: Request) -> House:
    """Give what the application was put together from."""
    parts: House = request.app.state.house
    return parts


async def now() -> datetime:
    """Read the clock: rules and verifiers are told what time it is."""
    return datetime.now(UTC)  # noqa: TID251 - the edge is where it is read


Parts = Annotated[House, Depends(house)]
Now = Annotated[datetime, Depends(now)]

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A publishable key (`pk_…`), a booking's access token or a user's token.",
)
Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


@dataclass(frozen=True)
class Allowed:
    """A route's declared permission: lets a caller through who has it."""

    permission: Permission

    async def __call__(self, request: Request, parts: Parts, now: Now, shown: Shown) -> Caller:
        """Give who calls, and count it. Refuses Unauthenticated, Forbidden, QuotaExceeded."""
        try:
            caller = await parts.shown(shown, now)
        except Unauthenticated:
            await parts.limits.count(request)
            raise
        await parts.limits.count(request, caller.tenant_id, "" if caller.channel else caller.name)
        if not caller.may(self.permission):
            raise Forbidden("This credential does not carry the permission.")
        structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id))
        return caller


def may(permission: Permission) -> Any:
    """Declare a route's permission; the parameter it annotates is the caller."""
    return Depends(Allowed(permission))


async def _anybody() -> None:
    """Let everybody through."""


# Declares that a route asks for no credential: what is public, or verified by its signature.
OPEN = Depends(_anybody)
_MOST_KEY = 255


async def idempotency_key(
    written: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Names this request: the same key and body get the same answer for 24 hours.",
            examples=['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
        ),
    ] = None,
) -> str | None:
    """Read the Idempotency-Key, quoted (RFC 9651) or bare; nothing when none was sent."""
    if written is None:
        return None
    key = written.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not key or len(key) > _MOST_KEY or not (key.isascii() and key.isprintable()):
        error: JsonValue = {
            "parameter": "Idempotency-Key",
            "code": "invalid",
            "detail": f"1 to {_MOST_KEY} visible characters of ASCII.",
        }
        raise InvalidRequest("The Idempotency-Key cannot be used.", errors=[error])
    return key


Key = Annotated[str | None, Depends(idempotency_key)]


async def required(key: Key) -> str:
    """Insist on an Idempotency-Key. Refuses KeyMissing."""
    if key is None:
        raise KeyMissing("Send an Idempotency-Key: the same key and body are the same request.")
    return key


def fingerprint(scope: str, body: BaseModel) -> str:
    """Give what stands for a request in the memory of a key: its route and what its body means.

    Not its bytes: the order of members and what is written out though it is the default do not matter.
    """
    meant = f"{scope}\n{body.model_dump_json(exclude_defaults=True)}"
    return sha256(meant.encode()).hexdigest()


RequiredKey = Annotated[str, Depends(required)]
