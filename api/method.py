"""The stored payment methods of a user: list, add, choose the default, delete. Only their owner reaches them.

What the provider knows of a method (expiry, holder) is read when it is shown and kept nowhere, so it passes
through no saga: the list is the one place where this door asks a provider.
"""

from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Request, Response
from pydantic import Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError
from uuid_utils.compat import uuid7

from api import problem
from api.body import StrictRoute
from api.deps import BASE, Caller, House, Parts, Permission, RequiredKey, fingerprint, may
from api.route import usable
from api.shape import Answer, Instant, Shape, example
from db import idempotency, method as methods, tenant
from db.idempotency import Key, Stored
from db.method import Method
from db.session import Connection
from domain.ids import MethodId, PaymentId
from domain.method import AskMethod, MethodWish
from domain.refusal import (
    Forbidden,
    InvalidRequest,
    KeyMissing,
    KeyReused,
    MethodDeactivated,
    PaymentDeclined,
    ProviderRefused,
    Refusal,
    Unauthenticated,
    Unknown,
)
from domain.route import AccountName
from providers.gateway import GatewayTrouble
from providers.vault import KeptMethod
from workflows.client import ProviderAway

ROUTE = "POST /users/{user}/payment-methods"

router = APIRouter(route_class=StrictRoute, prefix=f"{BASE}/users", tags=["payments"])
log = structlog.get_logger(__name__)

NOS = problem.answers(Unauthenticated, Forbidden, Unknown, also=())
Owner = Annotated[Caller, may(Permission.KEEP_METHODS)]
Whose = Annotated[str, Path(description="The user's id, or `me`", max_length=200)]
Which = Annotated[UUID, Path(description="The method's id")]


class NewMethod(Shape):
    """A method to store: by the token that the provider gave the buyer's browser for it, or by the user's own
    payment with which the provider has kept it (`keep_method`).
    """

    model_config = example(payment_token="pm_1SxampleToken", set_as_default=True)  # noqa: S106

    payment_token: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_-]{4,255}$", examples=["pm_1SxampleToken"])
    ] = None
    payment_id: UUID | None = None
    set_as_default: StrictBool = False

    @model_validator(mode="after")
    def names_one(self) -> Self:
        """Refuse a wish that names no method, or two."""
        if (self.payment_token is None) == (self.payment_id is None):
            raise PydanticCustomError("invalid", "Either payment_token or payment_id, and not both.")
        return self


class MethodAnswer(Answer):
    """A stored method; expiry and holder are the provider's, and missing while it cannot be asked."""

    id: UUID
    provider: str
    type: str
    brand: str | None = None
    last4: str | None = None
    expiry_month: int | None = None
    expiry_year: int | None = None
    holder: str | None = None
    is_default: bool
    created_at: Instant
    last_used_at: Instant | None = None


class MethodList(Answer):
    """All stored methods of a user, the default first."""

    items: tuple[MethodAnswer, ...]


@router.get("/{user}/payment-methods", responses=NOS)
async def list_methods(parts: Parts, caller: Owner, user: Whose) -> MethodList:
    """List the caller's own stored methods."""
    user_id = _own(caller, user)
    async with parts.payments.tenant(caller.tenant_id) as connection:
        found = await methods.of_user(connection, caller.tenant_id, user_id)
        customers = await methods.customers(connection, caller.tenant_id, user_id)
        tokens = await methods.tokens(connection, caller.tenant_id, [method.id for method in found])
    shown = await _at_the_providers(parts, customers)
    return MethodList(items=tuple(_answer(method, shown.get(tokens[method.id])) for method in found))


@router.post(
    "/{user}/payment-methods",
    status_code=201,
    response_model=MethodAnswer,
    responses={
        **problem.answers(
            Unauthenticated, Forbidden, Unknown, KeyMissing, KeyReused, PaymentDeclined, ProviderRefused
        ),
        **problem.PENDING,
    },
)
async def add_method(
    request: Request, parts: Parts, caller: Owner, user: Whose, wish: NewMethod, key: RequiredKey
) -> Response:
    """Store a method of the caller's own; the issuer may be asked, and may decline.

    The same key and body get the same answer. 202: not answered in time; 503: not possible at this moment.
    """
    user_id = _own(caller, user)
    mark = fingerprint(ROUTE, wish)
    used = Key(caller=caller.name, route=ROUTE, key=key, fingerprint=mark)
    async with parts.payments.tenant(caller.tenant_id) as connection:
        claim = await idempotency.claim(connection, caller.tenant_id, used, uuid7())
        if claim.answer is not None:
            return problem.replayed(claim.answer)
        account = await _account(connection, parts, caller, user_id, wish)
        await methods.wish(
            connection,
            caller.tenant_id,
            MethodId(claim.subject),
            user_id=user_id,
            provider=account.provider,
            account=account.name,
            token=wish.payment_token or str(wish.payment_id),
            is_default=wish.set_as_default,
        )
    try:
        stored = await _stored(parts, caller, user_id, MethodId(claim.subject))
    except ProviderAway:
        async with parts.payments.tenant(caller.tenant_id) as connection:
            await idempotency.free(connection, caller.tenant_id, used)
        raise
    except Refusal as no:
        response = problem.of_refusal(request, no)
        stored = Stored(response.status_code, bytes(response.body))
    async with parts.payments.tenant(caller.tenant_id) as connection:
        await idempotency.answer(connection, caller.tenant_id, used, stored)
    return problem.replayed(stored)


@router.post(
    "/{user}/payment-methods/{method}/default",
    responses=problem.answers(Unauthenticated, Forbidden, Unknown, MethodDeactivated, also=()),
)
async def make_default(parts: Parts, caller: Owner, user: Whose, method: Which) -> MethodAnswer:
    """Make a stored method the one that is offered first, in place of the one before."""
    user_id = _own(caller, user)
    async with parts.payments.tenant(caller.tenant_id) as connection:
        await methods.owned(connection, caller.tenant_id, user_id, MethodId(method))
        await methods.make_default(connection, caller.tenant_id, MethodId(method))
        return _answer(await methods.owned(connection, caller.tenant_id, user_id, MethodId(method)))


@router.delete("/{user}/payment-methods/{method}", status_code=204, responses={**NOS, **problem.PENDING})
async def delete_method(parts: Parts, caller: Owner, user: Whose, method: Which) -> Response:
    """Let nobody pay with a stored method any more, and have the provider keep it no longer."""
    user_id = _own(caller, user)
    async with parts.payments.tenant(caller.tenant_id) as connection:
        await methods.owned(connection, caller.tenant_id, user_id, MethodId(method))
    ask = AskMethod(tenant_id=caller.tenant_id, method_id=MethodId(method), wish=MethodWish.FORGET)
    await parts.sagas.keep_method(ask)
    return Response(status_code=204)


def _own(caller: Caller, user: str) -> str:
    """Give the id of the user who calls. Refuses Unknown for anybody else's."""
    if caller.user_id is None or user not in ("me", caller.user_id):
        raise Unknown
    return caller.user_id


async def _account(
    connection: Connection, parts: House, caller: Caller, user_id: str, wish: NewMethod
) -> AccountName:
    """Choose where a method is kept: where its payment was made, or at the preferred that keeps any."""
    if wish.payment_id is not None:
        return await methods.paid_through(connection, caller.tenant_id, user_id, PaymentId(wish.payment_id))
    for account in usable(parts, await tenant.accounts(connection, caller.tenant_id)):
        gateway = parts.gateways.of(account.provider, account.name)
        if gateway is not None and gateway.vault is not None:
            return account
    raise InvalidRequest("No provider keeps methods here.")


async def _stored(parts: House, caller: Caller, user_id: str, method_id: MethodId) -> Stored:
    ask = AskMethod(tenant_id=caller.tenant_id, method_id=method_id, wish=MethodWish.STORE)
    await parts.sagas.keep_method(ask)
    async with parts.payments.tenant(caller.tenant_id) as connection:
        method = await methods.owned(connection, caller.tenant_id, user_id, method_id)
    return Stored(201, _answer(method).model_dump_json().encode())


async def _at_the_providers(parts: House, customers: list[tuple[str, str, str]]) -> Mapping[str, KeptMethod]:
    """Read what the providers show of a user's methods, by token; nothing of one that gives no answer."""
    shown: dict[str, KeptMethod] = {}
    for provider, account, customer in customers:
        gateway = parts.gateways.of(provider, account)
        if gateway is None or gateway.vault is None:
            continue
        try:
            shown |= {method.token: method for method in await gateway.vault.list_methods(customer)}
        except GatewayTrouble as trouble:
            log.warning("methods are shown without what the provider knows", reason=trouble.reason)
    return shown


def _answer(method: Method, shown: KeptMethod | None = None) -> MethodAnswer:
    return MethodAnswer(
        id=method.id,
        provider=method.provider,
        type=method.kind or "unknown",
        brand=method.brand,
        last4=method.last4,
        expiry_month=shown.expiry_month if shown else None,
        expiry_year=shown.expiry_year if shown else None,
        holder=shown.holder if shown else None,
        is_default=method.is_default,
        created_at=method.created_at,
        last_used_at=method.last_used_at,
    )
