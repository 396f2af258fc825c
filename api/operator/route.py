"""An organizer's rules for which account takes a payment: read, and written anew as a whole."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, JsonValue

from api import problem
from api.body import StrictRoute
from api.deps import Caller, Parts
from api.operator.desk import ADMIN, Operator, at_desk, note
from api.passenger import Country
from api.route import usable
from api.shape import Answer, Code, Shape, example
from db import catalog, route as routes, tenant
from db.session import Connection
from domain.ids import OfferId, TenantId
from domain.refusal import Forbidden, InvalidRequest, Unauthenticated, Unknown
from domain.registry import METHODS
from domain.route import AccountName, RouteRule

router = APIRouter(route_class=StrictRoute, prefix=ADMIN, tags=["operators"])

NOS = problem.answers(Unauthenticated, Forbidden, also=())
KNOWN = {method.id for method in METHODS}
WrittenAccount = Annotated[
    str, Field(pattern=r"^[a-z]{1,40}/[A-Za-z0-9_-]{1,40}$", examples=["stripe/default"])
]


class RuleShape(Shape):
    """Payments of purchases that are so go to the first of these accounts, or to the next in its stead; what
    is not named may be anything. A rule for an offer goes before one for a method, for a country, for a
    currency.
    """

    accounts: Annotated[tuple[WrittenAccount, ...], Field(min_length=1, max_length=10)]
    offer_id: UUID | None = None
    method: Code | None = None
    country: Country | None = None
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$")] = None

    def rule(self) -> RouteRule:
        """Give the rule as the domain knows it."""
        return RouteRule(
            accounts=tuple(map(AccountName.parse, self.accounts)),
            offer_id=OfferId(self.offer_id) if self.offer_id else None,
            **self.model_dump(include={"method", "country", "currency"}),
        )

    @classmethod
    def of(cls, rule: RouteRule) -> Self:
        """Write a rule as callers know it."""
        return cls(**rule.model_dump(exclude={"accounts"}), accounts=tuple(map(str, rule.accounts)))


class RulesWish(Shape):
    """All rules of the organizer; in which order they are written does not matter."""

    model_config = example(
        rules=[
            {"accounts": ["adyen/default", "stripe/default"], "country": "NL"},
            {"accounts": ["stripe/default"]},
        ]
    )

    rules: Annotated[tuple[RuleShape, ...], Field(max_length=200)]


class RulesAnswer(Answer):
    """All rules, and the `accounts` there are, in the order that counts where no rule applies."""

    rules: tuple[RuleShape, ...]
    accounts: tuple[str, ...]


@router.get("/payment-routes", responses=NOS)
async def read_routes(parts: Parts, caller: Operator) -> RulesAnswer:
    """Read the rules, and the accounts they may name."""
    async with at_desk(parts, caller) as connection:
        found = await routes.rules(connection, caller.tenant_id)
        accounts = usable(parts, await tenant.accounts(connection, caller.tenant_id))
    return _answer(found, accounts)


@router.put("/payment-routes", responses=problem.answers(Unauthenticated, Forbidden))
async def write_routes(parts: Parts, caller: Operator, wish: RulesWish) -> RulesAnswer:
    """Write all rules anew. They hold for new payments: what was begun stays with its account."""
    async with at_desk(parts, caller) as connection:
        accounts = usable(parts, await tenant.accounts(connection, caller.tenant_id))
        if errors := [
            *_faults(wish.rules, accounts),
            *await _strays(connection, caller.tenant_id, wish.rules),
        ]:
            raise InvalidRequest("The rules break a rule.", errors=errors)
        before = await routes.rules(connection, caller.tenant_id)
        rules = [each.rule() for each in wish.rules]
        await routes.put(connection, caller.tenant_id, rules)
        await _note(connection, caller, before, rules)
    return _answer(rules, accounts)


def _faults(rules: Sequence[RuleShape], accounts: Sequence[AccountName]) -> Iterator[JsonValue]:
    """Tell of methods and accounts that there are not, and of two rules for the same."""
    written, seen = set(map(str, accounts)), dict[object, int]()
    for n, rule in enumerate(rules):
        if rule.method is not None and rule.method not in KNOWN:
            yield _error(f"/rules/{n}/method", "unknown", "There is no such method.")
        for place, account in enumerate(rule.accounts):
            if account not in written:
                yield _error(f"/rules/{n}/accounts/{place}", "unknown", "There is no such account here.")
        same = (rule.offer_id, rule.method, rule.country, rule.currency)
        if same in seen:
            yield _error(f"/rules/{n}", "duplicate", f"Rule {seen[same]} is for the same payments.")
        seen[same] = n


async def _strays(connection: Connection, tenant_id: TenantId, rules: Sequence[RuleShape]) -> list[JsonValue]:
    """Tell of offers that there are not."""
    found: list[JsonValue] = []
    for n, rule in enumerate(rules):
        try:
            if rule.offer_id is not None:
                await catalog.offer(connection, tenant_id, OfferId(rule.offer_id))
        except Unknown:
            found.append(_error(f"/rules/{n}/offer_id", "unknown", "There is no such offer."))
    return found


async def _note(
    connection: Connection, caller: Caller, before: Sequence[RouteRule], after: Sequence[RouteRule]
) -> None:
    await note(
        connection,
        caller,
        "routes.set",
        caller.tenant_id,
        before={"rules": [RuleShape.of(rule).model_dump(mode="json") for rule in before]},
        after={"rules": [RuleShape.of(rule).model_dump(mode="json") for rule in after]},
    )


def _answer(rules: Sequence[RouteRule], accounts: Sequence[AccountName]) -> RulesAnswer:
    return RulesAnswer(rules=tuple(map(RuleShape.of, rules)), accounts=tuple(map(str, accounts)))


def _error(pointer: str, code: str, detail: str) -> JsonValue:
    return {"pointer": pointer, "code": code, "detail": detail}
