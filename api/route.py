"""Which accounts may take a payment, asked at the door: the organizer's rules over the accounts there are."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import JsonValue

from api.deps import House
from db.method import Method
from db.route import Ruled
from db.tenant import Account
from domain.ids import ChannelId, OfferId, TenantId
from domain.payment import CASH
from domain.refusal import InvalidRequest
from domain.route import AccountName, Purchase, route


class Sold(NamedTuple):
    """What is paid for, and where it was sold; `minor` is what is due, in minor units, once it is known."""

    tenant_id: TenantId
    channel_id: ChannelId
    offer_id: OfferId
    currency: str
    minor: int | None = None


def usable(parts: House, accounts: Sequence[Account], *, cash: bool = False) -> list[AccountName]:
    """List those of a tenant's accounts that money can be taken with, in their order: they are of our mode,
    and we have their keys. With `cash` the drawers, which nothing else lists.
    """
    mode = "live" if parts.rules.live else "test"
    return [
        AccountName(provider=account.provider, name=account.name)
        for account in accounts
        if account.mode == mode
        and (account.provider == CASH) is cash
        and parts.gateways.of(account.provider, account.name) is not None
    ]


def routed(
    parts: House,
    ruled: Ruled,
    purchase: Purchase,
    *,
    provider: str | None,
    stored: Method | None = None,
    cash: bool = False,
    at: str = "",
) -> tuple[AccountName, ...]:
    """List the accounts that may take a payment, the first to be asked first. What is stored is paid where it
    is kept, and no rule is about `cash`.

    Refuses InvalidRequest for a provider or a method that is not offered; `at` is where the wish stands.
    """
    accounts = usable(parts, ruled.accounts, cash=cash)
    if stored is not None:
        kept = AccountName(provider=stored.provider, name=stored.account)
        accounts = [account for account in accounts if account == kept]
    rules = () if cash or stored else ruled.rules
    found = route(purchase, rules, accounts, provider=provider)
    if not found and route(purchase.model_copy(update={"method": None}), rules, accounts, provider=provider):
        raise _not_allowed(f"{at}/method", "This method is not offered here.")
    if not found:
        raise _not_allowed(f"{at}/provider", "Payments go through no such provider here.")
    return found


def _not_allowed(pointer: str, detail: str) -> InvalidRequest:
    error: JsonValue = {"pointer": pointer, "code": "not_allowed", "detail": detail}
    return InvalidRequest("The wish to pay breaks a rule.", errors=[error])
