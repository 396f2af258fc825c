"""Opening a payment's checkout, at the first account of its route that does it (PAY-06).

A payment turns to the next account only while nothing can have happened at the one before: that one is known
to be away before it is asked, or says of its first call that it did nothing. Whoever gave no answer may yet
open the page, so that payment stays where it is. The row says where, before the next account hears of it.
"""

from typing import NamedTuple

import structlog

from db import method as methods, split
from db.payment import attempt
from db.payment.attempt import Attempt
from db.session import Connection, Database
from domain.payment import Checkout, CreatePayment
from domain.refusal import MethodDeactivated
from domain.route import AccountName
from domain.split import Portion
from providers.gateway import CircuitOpen, Gateway, Gateways, NotExecuted, Opened, Order, Refused
from providers.vault import Stored

log = structlog.get_logger(__name__)

TRIES_PER_KEY = 2


class OpenedAt(NamedTuple):
    """What was opened, by whom."""

    row: Attempt
    gateway: Gateway
    opened: Opened


class _Begun(NamedTuple):
    row: Attempt
    gateway: Gateway
    calls: int
    stored: Stored | None
    keeps_for: str | None
    portions: tuple[Portion, ...]


class Checkouts:
    """Opens checkouts, as the payment role."""

    def __init__(self, payment: Database, gateways: Gateways) -> None:
        self._payment, self._gateways = payment, gateways

    async def opened(self, ask: CreatePayment) -> OpenedAt | Checkout:
        """Write the payment's row and open its checkout; one that was opened before is given as it stands.

        Raises CircuitOpen before anything is written, where all accounts of the route are away.
        """
        while True:
            begun = await self._begun(ask)
            if isinstance(begun, Checkout):
                return begun
            try:
                return OpenedAt(begun.row, begun.gateway, await _opened(ask, begun))
            except NotExecuted as trouble:
                async with self._payment.tenant(ask.tenant_id) as connection:
                    await _turned(connection, ask, begun.row, trouble, calls=begun.calls)

    async def _begun(self, ask: CreatePayment) -> _Begun | Checkout:
        """Choose who is to be asked, and count the call."""
        lend = self._payment.tenant if self._may_say_no(ask) else self._payment.looking
        async with lend(ask.tenant_id) as connection:
            row, counted = await attempt.create(connection, ask)
            if row.checkout is not None:
                return row.checkout
            row, gateway, calls = await self._present(connection, ask, row, counted)
            stored, portions = await _stored(connection, ask), await _divided(connection, ask, row, gateway)
            keeps_for = await _keeps_for(connection, ask, gateway)
            return _Begun(row, gateway, calls, stored, keeps_for, portions)

    def _may_say_no(self, ask: CreatePayment) -> bool:
        """Say whether what is written for a call may have to be undone: whoever is asked first is away, or
        not there, or a stored method may be good for nothing.
        """
        gateway = self._gateways.of(ask.wish.provider, ask.wish.account)
        if gateway is None or ask.wish.method_id is not None:
            return True
        try:
            gateway.refuse_if_away()
        except CircuitOpen:
            return True
        return False

    async def _present(
        self, connection: Connection, ask: CreatePayment, row: Attempt, counted: int
    ) -> tuple[Attempt, Gateway, int]:
        """Give the first gateway that is not away, and how often it is asked with this call, which is
        `counted` already or is now. Raises CircuitOpen where there is none.
        """
        while True:
            gateway = gateway_of(self._gateways, row.provider, row.account)
            try:
                gateway.refuse_if_away()
            except CircuitOpen as away:
                row, counted = await _turned(connection, ask, row, away, calls=counted), 0
            else:
                calls = counted or await attempt.count_create(connection, ask.tenant_id, row.id)
                return row, gateway, calls


def gateway_of(gateways: Gateways, provider: str, account: str) -> Gateway:
    """Give the gateway of an account. Raises Refused when this process has none."""
    gateway = gateways.of(provider, account)
    if gateway is None:
        raise Refused("account_not_configured")
    return gateway


def number_of_key(calls: int) -> int:
    """Number the key of the `calls`-th call (from 1): each key is used twice."""
    return -(-calls // TRIES_PER_KEY)


async def _turned(
    connection: Connection, ask: CreatePayment, row: Attempt, trouble: NotExecuted, *, calls: int
) -> Attempt:
    """Turn to the next account, for this one did nothing in `calls` calls. Raises `trouble` where that is not
    known for sure, or nobody comes next.
    """
    there = ask.wish.next_account(AccountName(provider=row.provider, name=row.account))
    if there is None or calls > 1:
        raise trouble
    turned = await attempt.turn_to(connection, row, ask.tenant_id, there, calls=calls)
    if turned is None:
        raise trouble
    log.warning(
        "a payment turns to the next account",
        payment_id=str(row.id),
        provider=turned.provider,
        account=turned.account,
        why=trouble.reason,
    )
    return turned


async def _stored(connection: Connection, ask: CreatePayment) -> Stored | None:
    """Take the stored method that the wish names; its token is known from here to the provider alone."""
    if ask.wish.method_id is None:
        return None
    kept = await methods.use(connection, ask.tenant_id, ask.wish.method_id)
    if kept.customer is None or (kept.provider, kept.account) != (ask.wish.provider, ask.wish.account):
        raise MethodDeactivated("This method cannot be paid with here.")
    return Stored(customer=kept.customer, token=kept.token)


async def _keeps_for(connection: Connection, ask: CreatePayment, gateway: Gateway) -> str | None:
    """Name for whom the provider is to keep what is paid with; nothing where it does not, or nobody asks."""
    if not ask.wish.keeps or gateway.vault is None:
        return None
    owner = await methods.payer(connection, ask.tenant_id, ask.payment_id)
    return None if owner is None else gateway.vault.shopper(owner)


async def _divided(
    connection: Connection, ask: CreatePayment, row: Attempt, gateway: Gateway
) -> tuple[Portion, ...]:
    """Decide who gets what of the payment at a provider that divides it; elsewhere all of it comes to us."""
    shares = ask.wish.shares
    if not (shares and gateway.divides):
        return ()
    return await split.divide(
        connection, ask.tenant_id, row.id, row.amount, shares, provider=row.provider, account=row.account
    )


async def _opened(ask: CreatePayment, begun: _Begun) -> Opened:
    """Open a checkout, or find what an earlier call has opened; with a stored method, what came of it too."""
    gateway = begun.gateway
    opened = await gateway.find_checkout(ask.payment_id) if begun.calls > 1 else None
    if opened is None:
        op_key = f"{ask.payment_id}:create:{number_of_key(begun.calls)}"
        opened = await gateway.open_checkout(_order(ask, begun), op_key=op_key)
    if begun.stored is None or opened.facts:
        return opened
    facts = tuple(await gateway.fetch(ask.payment_id, opened.provider_ref))
    return opened.model_copy(update={"client_secret": None, "facts": facts})


def _order(ask: CreatePayment, begun: _Begun) -> Order:
    return Order(
        tenant_id=ask.tenant_id,
        booking_id=ask.booking_id,
        payment_id=ask.payment_id,
        reference=ask.reference,
        amount=ask.wish.amount,
        description=ask.summary or ask.reference,
        hosted=ask.wish.hosted,
        return_url=ask.wish.return_url,
        expires_at=ask.expires_at,
        manual_capture=ask.wish.manual,
        method=ask.wish.method,
        stored=begun.stored,
        keeps_for=begun.keeps_for,
        portions=begun.portions,
        settles_within=ask.wish.settles_within,
    )
