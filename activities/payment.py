"""The steps on payments: ask the provider, then write what it said; never inside one transaction.

A payment's row is committed before the first byte about it goes out, so nothing at the provider is without an
owner here. Whoever tries again looks first for what an earlier try has left. Where that is nothing, the
provider is asked under the key `<payment id>:create:<n>`: each key twice, so that a lost answer is replayed
and a slow request is met, then the next one, for a provider replays a failure that it has stored as well.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

from temporalio import activity

from activities.checkout import Checkouts, gateway_of
from activities.teller import Teller
from db.payment import attempt, fold
from db.payment.attempt import Attempt
from db.session import Database
from domain.aftercare import AftercareRequest
from domain.ids import BookingId, PaymentId, TenantId
from domain.payment import (
    AskPayment,
    CapturePayment,
    Checkout,
    Closed,
    Closing,
    CreatePayment,
    FactKind,
    FactSource,
    PaymentFact,
    PaymentReport,
    PaymentStatus,
)
from domain.refusal import BookingEnded, PaymentNotCompleted, Unknown
from domain.split import in_proportion
from providers.gateway import Declined, Gateway, Gateways, NotFound, Opened, StateConflict
from workflows import steps

SUCCESS = frozenset({FactKind.AUTHORIZED, FactKind.CAPTURED})

# Of so many payments a worker remembers where they were opened.
MOST_REMEMBERED = 5_000


class Address(NamedTuple):
    """Where a payment was opened, and as what there: once written, it never changes."""

    provider: str
    account: str
    provider_ref: str


class PaymentActivities:
    """Opens, checks, closes and returns payments, as the payment role."""

    def __init__(self, payment: Database, gateways: Gateways, teller: Teller) -> None:
        self._payment, self._gateways, self._teller = payment, gateways, teller
        self._checkouts = Checkouts(payment, gateways)
        self._opened: dict[tuple[TenantId, BookingId, PaymentId], Address] = {}

    @activity.defn(name=steps.create_payment.name)
    async def create_payment(self, ask: CreatePayment) -> Checkout:
        """Open the payment's checkout, or pay with a stored method; a repeat gives the same.

        Refuses ProviderRefused, PaymentMismatch; of a stored method PaymentDeclined, MethodDeactivated.
        Raises CircuitOpen before anything is written, so that nothing has to be closed.
        """
        found = await self._checkouts.opened(ask)
        if isinstance(found, Checkout):
            return found
        row, gateway, opened = found
        if _is_declined(opened):
            await self._declined(ask, row, opened)
        lend = self._payment.tenant if opened.facts else self._payment.looking
        async with lend(ask.tenant_id) as connection:
            written = await attempt.opened(
                connection, ask.tenant_id, opened.provider_ref, _checkout(ask, row, opened)
            )
            if opened.facts:
                await fold.record(connection, ask.tenant_id, row.id, opened.facts)
        self._remember(ask.tenant_id, written)
        if written.provider_ref != opened.provider_ref:
            # This call stood still while a later one opened another, which counts.
            await gateway.close_checkout(opened.provider_ref, op_key=f"{row.id}:close:twin")
        if written.status is PaymentStatus.CANCELLED or written.checkout is None:
            # Given up while this call was on its way: nobody waits for it, and nobody may pay.
            await gateway.close_checkout(opened.provider_ref, op_key=f"{row.id}:close:late")
            raise BookingEnded("This payment was given up.")
        return written.checkout

    @activity.defn(name=steps.check_payment.name)
    async def check_payment(self, ask: AskPayment) -> PaymentReport:
        """Ask the provider how the payment stands, and write it down. Refuses Unknown."""
        gateway, ref = await self._opened_at(ask)
        facts = await gateway.fetch(ask.payment_id, ref) if ref else ()
        return await self._record(ask.tenant_id, ask.payment_id, facts)

    @activity.defn(name=steps.capture_payment.name)
    async def capture_payment(self, ask: CapturePayment) -> PaymentReport:
        """Take what was authorised; taken already is done.

        Refuses PaymentNotCompleted, Unknown, and PaymentDeclined where a bank is asked only now.
        """
        row = await self._row(ask.tenant_id, ask.booking_id, ask.payment_id)
        portions = in_proportion(ask.amount, row.portions or ())
        async with self._payment.tenant(ask.tenant_id) as connection:
            await attempt.ask_to_capture(connection, ask.tenant_id, row.id, ask.amount, portions)
        gateway = gateway_of(self._gateways, row.provider, row.account)
        ref = await _reference(gateway, row)
        if ref is None:
            raise PaymentNotCompleted("Nothing was authorised.", status=row.status.value)
        try:
            with suppress(StateConflict):  # taken already, or gone: what the provider says next tells which
                await gateway.capture(ref, ask.amount, op_key=f"{row.id}:capture:1", portions=portions)
        except Declined as no:
            facts = await gateway.fetch(row.id, ref)
            await self._record(ask.tenant_id, row.id, [_declined_at_capture(row, ref, no), *facts])
            raise
        report = await self._record(ask.tenant_id, row.id, await gateway.fetch(row.id, ref))
        if not report.captured_minor:
            raise PaymentNotCompleted("The authorisation is gone.", status=report.status.value)
        return report

    @activity.defn(name=steps.void_payment.name)
    async def void_payment(self, ask: AskPayment) -> PaymentReport:
        """Release what was authorised, and give what is known then. Refuses Unknown."""
        row = await self._row(ask.tenant_id, ask.booking_id, ask.payment_id)
        return await self._record(ask.tenant_id, row.id, await self._void(row))

    @activity.defn(name=steps.close_payment.name)
    async def close_payment(self, ask: AskPayment) -> Closed:
        """Make sure that nothing more can be paid, or learn that it was or may yet be. Refuses Unknown."""
        row = await self._row(ask.tenant_id, ask.booking_id, ask.payment_id)
        closing, facts = await self._close(row, f"{row.id}:close:{ask.n}")
        return Closed(closing=closing, report=await self._record(ask.tenant_id, row.id, facts))

    @activity.defn(name=steps.return_payment.name)
    async def return_payment(self, ask: CreatePayment) -> None:
        """Close the checkout, release what was authorised, or hand the money that was taken to its aftercare.

        Never asked for: nothing.
        """
        try:
            row = await self._row(ask.tenant_id, ask.booking_id, ask.payment_id)
        except Unknown:
            return
        _, facts = await self._close(row, f"{row.id}:return:1")
        report = await self._record(ask.tenant_id, row.id, facts)
        if report.may_be_held:
            facts = await self._void(row)
            report = await self._record(ask.tenant_id, row.id, facts)
        taken = [fact for fact in facts if fact.kind is FactKind.CAPTURED]
        if taken and report.kept_minor > 0:
            request = AftercareRequest(
                tenant_id=ask.tenant_id, booking_id=ask.booking_id, payment_id=row.id, reference=ask.reference
            )
            await self._teller.after(taken[0], request)

    async def _declined(self, ask: CreatePayment, row: Attempt, opened: Opened) -> NoReturn:
        """Write down that a stored method was declined, with nothing left to be paid. Raises Declined."""
        row = row._replace(provider_ref=opened.provider_ref)
        _, facts = await self._close(row, f"{row.id}:close:declined")
        report = await self._record(ask.tenant_id, row.id, [*opened.facts, *facts])
        raise Declined(report.decline_code or "card_declined")

    async def _close(self, row: Attempt, op_key: str) -> tuple[Closing, Sequence[PaymentFact]]:
        """Close what there is at the provider, and give what it says then."""
        gateway = gateway_of(self._gateways, row.provider, row.account)
        ref = await _reference(gateway, row)
        if ref is None:
            return Closing.CLOSED, (_never_opened(row),)
        try:
            closing = await gateway.close_checkout(ref, op_key=op_key)
        except NotFound:  # a provider may forget what has lapsed, which it tells below
            closing = Closing.CLOSED
        return closing, await gateway.fetch(row.id, ref)

    async def _void(self, row: Attempt) -> Sequence[PaymentFact]:
        """Release what was authorised, and give what the provider says then."""
        gateway = gateway_of(self._gateways, row.provider, row.account)
        ref = await _reference(gateway, row)
        if ref is None:
            return ()
        with suppress(StateConflict):  # taken meanwhile
            await gateway.void(ref, op_key=f"{row.id}:void:1")
        return await gateway.fetch(row.id, ref)

    async def _opened_at(self, ask: AskPayment) -> tuple[Gateway, str | None]:
        """Tell whom to ask about a payment, and by what reference. Refuses Unknown."""
        known = self._opened.get((ask.tenant_id, ask.booking_id, ask.payment_id))
        if known is not None:
            return gateway_of(self._gateways, known.provider, known.account), known.provider_ref
        row = await self._row(ask.tenant_id, ask.booking_id, ask.payment_id)
        gateway = gateway_of(self._gateways, row.provider, row.account)
        return gateway, await _reference(gateway, row)

    def _remember(self, tenant_id: TenantId, row: Attempt) -> None:
        """Save the look at the row of a payment that was opened here and is asked about next."""
        if row.provider_ref is None:
            return
        known = Address(row.provider, row.account, row.provider_ref)
        self._opened[tenant_id, row.booking_id, row.id] = known
        if len(self._opened) > MOST_REMEMBERED:
            del self._opened[next(iter(self._opened))]

    async def _row(self, tenant_id: TenantId, booking_id: BookingId, payment_id: PaymentId) -> Attempt:
        async with self._payment.looking(tenant_id) as connection:
            row = await attempt.find(connection, tenant_id, payment_id)
        if row.booking_id != booking_id:
            raise Unknown("This booking has no such payment.")
        return row

    async def _record(
        self, tenant_id: TenantId, payment_id: PaymentId, facts: Sequence[PaymentFact]
    ) -> PaymentReport:
        async with self._payment.tenant(tenant_id) as connection:
            return await fold.record(connection, tenant_id, payment_id, facts)


async def _reference(gateway: Gateway, row: Attempt) -> str | None:
    """Name the payment's checkout at the provider, also one that was opened without our hearing of it."""
    if row.provider_ref is not None:
        return row.provider_ref
    opened = await gateway.find_checkout(row.id)
    return opened.provider_ref if opened else None


def _is_declined(opened: Opened) -> bool:
    """Say whether what was tried at once has failed, and nobody is asked for anything."""
    kinds = {fact.kind for fact in opened.facts}
    return FactKind.DECLINED in kinds and not kinds & SUCCESS and opened.payment_url is None


def _checkout(ask: CreatePayment, row: Attempt, opened: Opened) -> Checkout:
    """Say how to pay, and until when: the hold ends before a provider's page can be made to lapse. It is kept
    for a bank transfer.
    """
    ends = [opened.expires_at] if opened.transfer else [ask.expires_at, opened.expires_at]
    return Checkout(
        payment_id=ask.payment_id,
        provider=row.provider,
        account=row.account,
        payment_url=opened.payment_url,
        client_secret=opened.client_secret,
        transfer=opened.transfer,
        paid=any(fact.kind in SUCCESS for fact in opened.facts),
        expires_at=min(filter(None, ends), default=None),
        ends_wait=opened.ends_wait,
    )


def _declined_at_capture(row: Attempt, ref: str, no: Declined) -> PaymentFact:
    """Say that a bank declined when the money was to be taken, which leaves no trace at the provider."""
    return PaymentFact(
        event_id=f"look:{row.id}:declined",
        provider=row.provider,
        account=row.account,
        payment_id=row.id,
        kind=FactKind.DECLINED,
        provider_ref=ref,
        operation=f"{ref}/capture",
        occurred_at=datetime.now(UTC),  # noqa: TID251 - an activity is where the clock is read
        source=FactSource.API,
        decline_code=no.reason,
    )


def _never_opened(row: Attempt) -> PaymentFact:
    """Say that the provider has nothing to be paid: whoever still opens a checkout for it closes it again."""
    return PaymentFact(
        event_id=f"look:{row.id}:nothing",
        provider=row.provider,
        account=row.account,
        payment_id=row.id,
        kind=FactKind.CANCELLED,
        provider_ref="",
        operation="never_opened",
        occurred_at=datetime.now(UTC),  # noqa: TID251 - an activity is where the clock is read
        source=FactSource.API,
    )
