"""One account at Adyen."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact
from domain.split import Portion
from providers.adyen_gateway import fact, reference, webhook
from providers.adyen_gateway.amount import to_adyen
from providers.adyen_gateway.books import AdyenBooks
from providers.adyen_gateway.client import AdyenClient
from providers.adyen_gateway.dispute import AdyenDisputes
from providers.adyen_gateway.fact import Item, Json
from providers.adyen_gateway.memory import SOON, Memory
from providers.adyen_gateway.order import (
    ASKS_THE_BUYER,
    answered,
    methods_wish,
    offered,
    opened,
    session_wish,
    stored_wish,
)
from providers.adyen_gateway.split import splits
from providers.adyen_gateway.transfer import AdyenTransfers
from providers.adyen_gateway.vault import AdyenVault
from providers.books import Books
from providers.dispute import Disputes
from providers.gateway import (
    Missed,
    NotExecuted,
    NotFound,
    Opened,
    Order,
    OutcomeUnknown,
    RefundAnswer,
    RefundStatus,
    StateConflict,
    WebhookEvent,
)
from providers.protection import Guard
from providers.transfer import Transfers
from providers.vault import Vault

TIMEOUT = timedelta(seconds=10)

PAID = (FactKind.AUTHORIZED, FactKind.CAPTURED)


class AdyenGateway:
    """Sessions, paid on Adyen's page or by the client; captures, cancels and refunds whose outcome is told.

    Our payment id is the reference of a payment. Adyen cannot be asked how one stands: what we know is what
    was told, which `memory` keeps. Nor can a session be taken back: it lapses at the order's deadline, and
    what is paid in it after we gave it up comes late. `keys` (in hexadecimal) may have signed notifications;
    with a `login` of `name:password` that has to be shown as well. No call takes longer than `timeout`, and
    all pass the `guard`.
    """

    provider = fact.PROVIDER
    divides = True

    def __init__(
        self,
        *,
        account: str,
        merchant: str,
        api_key: str,
        keys: Sequence[str],
        memory: Memory,
        api: str,
        login: str = "",
        theme: str = "default",
        timeout: timedelta = TIMEOUT,
        guard: Guard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.account = account
        self.guard = guard or Guard(self.provider, account)
        self._merchant, self._theme, self._memory = merchant, theme, memory
        self._keys, self._login, self._clock = tuple(keys), login, clock
        self._client = AdyenClient(
            api=api, api_key=api_key, merchant=merchant, timeout=timeout, guard=self.guard, clock=clock
        )
        self._adyen = self._client.checkout
        self.vault: Vault | None = AdyenVault(self._client, merchant, self._items)
        self.transfers: Transfers | None = AdyenTransfers(self._client, self._now)
        self.books: Books | None = AdyenBooks(self._client, memory)
        self.disputes: Disputes | None = AdyenDisputes(self._client, merchant, self._items)

    def refuse_if_away(self) -> None:
        """Say before anything is written that asking is of no use now. Raises CircuitOpen."""
        self.guard.refuse_if_open()

    async def methods(self, country: str, amount: Money) -> Sequence[str]:
        """List with what a buyer of a country (ISO 3166-1) can pay an amount, by our names where we have any.

        Raises Refused, NotExecuted, OutcomeUnknown.
        """
        wish = methods_wish(country, amount, merchant=self._merchant)
        answer = await self._client.post("methods", self._adyen.payments_api.payment_methods, wish)
        return offered(answer)

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        """Open a session, or try a stored method; the same key gives the first answer, whatever changed."""
        if order.stored is not None:
            return await self._charge_stored(order, op_key)
        return await self._open_session(order, op_key)

    async def _open_session(self, order: Order, op_key: str) -> Opened:
        wish = session_wish(order, merchant=self._merchant, theme=self._theme, now=self._now())
        session = await self._client.post(
            "open_checkout", self._adyen.payments_api.sessions, wish, key=op_key
        )
        try:
            return opened(order, session)
        except (KeyError, TypeError, ValueError):
            raise OutcomeUnknown("not_understood") from None

    async def _charge_stored(self, order: Order, op_key: str) -> Opened:
        """Pay with a stored method while the buyer waits: declined at once, or a notification will tell.

        Where the bank asks for the buyer, the payment that was begun is left to lapse, and a session is
        opened, on whose page Adyen does the asking: else we had to bring it what the buyer brings back.
        """
        wish = stored_wish(order, merchant=self._merchant)
        answer = await self._client.post("charge_stored", self._adyen.payments_api.payments, wish, key=op_key)
        if answer.get("resultCode") in ASKS_THE_BUYER:
            page = await self._open_session(order.model_copy(update={"hosted": True}), f"{op_key}:page")
            asks = self._looked(order.payment_id, FactKind.REQUIRES_ACTION, self._now())
            return page.model_copy(update={"facts": (asks,)})
        facts = answered(answer, self._looked(order.payment_id, FactKind.PROCESSING, self._now()))
        return Opened(provider_ref=str(order.payment_id), facts=facts)

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:
        """Find what somebody has paid, or tried to; of a session nobody has touched Adyen says nothing."""
        told = await self._told(payment_id)
        return Opened(provider_ref=str(payment_id)) if told else None

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:  # noqa: ARG002 - the protocol's
        """Say whether it was paid, as far as we were told: a session ends by itself."""
        told = await self._told(reference.of_ours(provider_ref))
        return Closing.PAID if _standing(told, *PAID) else Closing.CLOSED

    async def capture(
        self, provider_ref: str, amount: Money, *, op_key: str, portions: Sequence[Portion] = ()
    ) -> None:
        """Ask for what was authorised, and come again until it was told what became of that.

        Raises NotExecuted until then: the same key, which begins with the payment's id, asks once.
        """
        items = await self._items(reference.of_ours(provider_ref))
        told = [each.succeeded for each in items if each.code == "CAPTURE" and each.reference == op_key]
        if any(told):
            return
        held = _last(items, FactKind.AUTHORIZED)
        if held is None or _last(items, FactKind.CANCELLED):
            raise StateConflict("nothing_authorized")
        if told:
            raise StateConflict("capture_failed")
        asked = {**self._mine(op_key), "amount": to_adyen(amount), **splits(held.about.payment_id, portions)}
        call = partial(
            self._adyen.modifications_api.capture_authorised_payment, paymentPspReference=held.original
        )
        await self._client.post("capture", call, asked, key=op_key)
        raise NotExecuted("told_later", retry_after=SOON)

    async def void(self, provider_ref: str, *, op_key: str) -> None:
        """Ask to release what was authorised; that it was is told later."""
        payment_id = reference.of_ours(provider_ref)
        items = await self._items(payment_id)
        if _last(items, FactKind.CAPTURED):
            raise StateConflict("taken_already")
        held = _last(items, FactKind.AUTHORIZED)
        if held is None or _last(items, FactKind.CANCELLED):
            return
        call = partial(
            self._adyen.modifications_api.cancel_authorised_payment_by_psp_reference,
            paymentPspReference=held.original,
        )
        await self._client.post("void", call, self._mine(f"{payment_id}:void"), key=op_key)

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        """Give what was told, and what follows from the time: nobody can pay after the session's end."""
        if reference.of_ours(provider_ref) != payment_id:
            raise NotFound("not_of_this_payment")
        told = await self._told(payment_id)
        if _standing(told, *PAID):
            return told
        ends = await self._memory.payable_until(payment_id)
        if ends is not None and ends <= self._now():
            return [*told, self._looked(payment_id, FactKind.EXPIRED, ends)]
        return told or [self._looked(payment_id, FactKind.PENDING, self._now())]

    async def refund(
        self,
        provider_ref: str,
        amount: Money,
        *,
        refund_id: str,
        op_key: str,  # noqa: ARG002 - the protocol's
        portions: Sequence[Portion] = (),
    ) -> RefundAnswer:
        """Ask to give money back; whether it arrives is told later.

        The key is the refund's alone, whichever call this is: nobody can ask what an earlier one left.
        """
        payment_id = reference.of_ours(provider_ref)
        taken = _last(await self._items(payment_id), FactKind.CAPTURED)
        if taken is None:
            raise StateConflict("nothing_paid")
        asked = {
            **self._mine(reference.of_refund(payment_id, refund_id)),
            "amount": to_adyen(amount),
            "merchantRefundReason": "CUSTOMER REQUEST",
            **splits(payment_id, portions),
        }
        call = partial(
            self._adyen.modifications_api.refund_captured_payment, paymentPspReference=taken.original
        )
        answer = await self._client.post("refund", call, asked, key=f"{refund_id}:refund:1")
        found = await self.find_refund(provider_ref, refund_id=refund_id)
        psp = str(answer.get("pspReference", ""))
        return found or RefundAnswer(provider_ref=psp, status=RefundStatus.PENDING, amount=amount)

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:
        """Look for what was told of a refund of ours."""
        payment_id = reference.of_ours(provider_ref)
        mine = reference.of_refund(payment_id, refund_id)
        told = [
            each
            for item in await self._items(payment_id)
            if item.reference == mine and (each := fact.tell(item))
        ]
        last = _standing(told, FactKind.REFUND_FAILED) or _standing(told, FactKind.REFUNDED)
        if last is None or last.amount is None:
            return None
        failed = last.kind is FactKind.REFUND_FAILED
        status = RefundStatus.FAILED if failed else RefundStatus.COMPLETED
        return RefundAnswer(provider_ref=last.operation, status=status, amount=last.amount)

    async def missed(self, since: datetime, *, onward: str = "", most: int = 100) -> Missed:  # noqa: ARG002 - the protocol's
        """List nothing: Adyen sends again for thirty days what nobody has taken, and keeps no list."""
        return Missed()

    async def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:  # noqa: ARG002 - the protocol's
        """Check a delivery; it bears no stamp. Raises BadSignature and nothing else."""
        webhook.verify(raw, headers, keys=self._keys, login=self._login)

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:
        """Read the items of an authentic delivery."""
        return webhook.parse(raw, self.account, self._merchant)

    async def _told(self, payment_id: PaymentId) -> list[PaymentFact]:
        """Give what was told of a payment, each once."""
        return [each for item in await self._items(payment_id) if (each := fact.tell(item))]

    async def _items(self, payment_id: PaymentId) -> list[Item]:
        found = [
            item
            for raw in await self._memory.told(payment_id)
            for item in webhook.read(raw, self.account, self._merchant)
            if item.about.payment_id == payment_id
        ]
        return list({item.event_id: item for item in found}.values())

    def _looked(self, payment_id: PaymentId, kind: FactKind, at: datetime) -> PaymentFact:
        return PaymentFact(
            event_id=f"look:{payment_id}:{kind.value}",
            provider=self.provider,
            account=self.account,
            payment_id=payment_id,
            kind=kind,
            provider_ref=str(payment_id),
            occurred_at=at,
            source=FactSource.API,
        )

    def _mine(self, name: str) -> Json:
        return {"merchantAccount": self._merchant, "reference": name}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _last(items: Sequence[Item], kind: FactKind) -> Item | None:
    """Give the last item that tells of this kind."""
    return next((each for each in reversed(items) if (told := fact.tell(each)) and told.kind is kind), None)


def _standing(told: Sequence[PaymentFact], *kinds: FactKind) -> PaymentFact | None:
    """Give the last thing told of these kinds."""
    return next((each for each in reversed(told) if each.kind in kinds), None)
