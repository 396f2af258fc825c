"""One account at Adyen."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import Adyen
import requests  # noqa: TID251 - what Adyen's package raises
import structlog
from Adyen.exceptions import AdyenAPIResponseError, AdyenError

from domain.ids import PaymentId
from domain.money import Money
from domain.payment import Closing, FactKind, FactSource, PaymentFact
from observability.call import outgoing
from providers.adyen_gateway import fact, reference, trouble, webhook
from providers.adyen_gateway.amount import to_adyen
from providers.adyen_gateway.fact import Json
from providers.adyen_gateway.memory import Memory
from providers.adyen_gateway.order import opened, session_wish
from providers.books import Books
from providers.dispute import Disputes
from providers.gateway import (
    GatewayTrouble,
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
# How soon to look again for what a notification has to say.
SOON = timedelta(seconds=1)
# The guard lets fewer calls through; a thread waits for each.
THREADS = 40
VERSION = "v72"

PAID = (FactKind.AUTHORIZED, FactKind.CAPTURED)

log = structlog.get_logger(__name__)


class AdyenGateway:
    """Sessions, paid on Adyen's page or by the client; captures, cancels and refunds whose outcome is told.

    Our payment id is the reference of a payment. Adyen cannot be asked how one stands: what we know is what
    was told, which `memory` keeps. Nor can a session be taken back: it lapses at the order's deadline, and
    what is paid in it after we gave it up comes late. `keys` (in hexadecimal) may have signed notifications;
    with a `login` of `name:password` that has to be shown as well. No call takes longer than `timeout`, and
    all pass the `guard`.
    """

    provider = fact.PROVIDER
    vault: Vault | None = None
    books: Books | None = None
    transfers: Transfers | None = None
    disputes: Disputes | None = None

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
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="adyen")
        self._adyen = _client(api_key, merchant, f"{api}/{VERSION}", timeout)

    def refuse_if_away(self) -> None:
        """Say before anything is written that asking is of no use now. Raises CircuitOpen."""
        self.guard.refuse_if_open()

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        """Open a session; the same key opens the same one, whatever changed meanwhile."""
        wish = session_wish(order, merchant=self._merchant, theme=self._theme, now=self._now())
        session = await self._call("open_checkout", self._adyen.payments_api.sessions, wish, key=op_key)
        try:
            return opened(order, session)
        except (KeyError, TypeError, ValueError):
            raise OutcomeUnknown("not_understood") from None

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:
        """Find what somebody has paid, or tried to; of a session nobody has touched Adyen says nothing."""
        told = await self._told(payment_id)
        return Opened(provider_ref=str(payment_id)) if told else None

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:  # noqa: ARG002 - the protocol's
        """Say whether it was paid, as far as we were told: a session ends by itself."""
        told = await self._told(_payment(provider_ref))
        return Closing.PAID if _standing(told, *PAID) else Closing.CLOSED

    async def capture(self, provider_ref: str, amount: Money, *, op_key: str) -> None:
        """Ask for what was authorised, and come again until it was told what became of that.

        Raises NotExecuted until then: the same key asks once.
        """
        payment_id = _payment(provider_ref)
        items = await self._items(payment_id)
        told = [each for item in items if (each := fact.tell(item))]
        if _standing(told, FactKind.CAPTURED):
            return
        held = _standing(told, FactKind.AUTHORIZED)
        if held is None or _standing(told, FactKind.CANCELLED):
            raise StateConflict("nothing_authorized")
        if any(item.code == "CAPTURE" and not item.succeeded for item in items):
            raise StateConflict("capture_failed")
        asked = {**self._mine(f"{payment_id}:capture"), "amount": to_adyen(amount)}
        call = partial(
            self._adyen.modifications_api.capture_authorised_payment, paymentPspReference=held.operation
        )
        await self._call("capture", call, asked, key=op_key)
        raise NotExecuted("told_later", retry_after=SOON)

    async def void(self, provider_ref: str, *, op_key: str) -> None:
        """Ask to release what was authorised; that it was is told later."""
        payment_id = _payment(provider_ref)
        told = await self._told(payment_id)
        if _standing(told, FactKind.CAPTURED):
            raise StateConflict("taken_already")
        held = _standing(told, FactKind.AUTHORIZED)
        if held is None or _standing(told, FactKind.CANCELLED):
            return
        call = partial(
            self._adyen.modifications_api.cancel_authorised_payment_by_psp_reference,
            paymentPspReference=held.operation,
        )
        await self._call("void", call, self._mine(f"{payment_id}:void"), key=op_key)

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        """Give what was told, and what follows from the time: nobody can pay after the session's end."""
        if _payment(provider_ref) != payment_id:
            raise NotFound("not_of_this_payment")
        told = await self._told(payment_id)
        if _standing(told, *PAID):
            return told
        ends = await self._memory.payable_until(payment_id)
        if ends is not None and ends <= self._now():
            return [*told, self._looked(payment_id, FactKind.EXPIRED, ends)]
        return told or [self._looked(payment_id, FactKind.PENDING, self._now())]

    async def refund(self, provider_ref: str, amount: Money, *, refund_id: str, op_key: str) -> RefundAnswer:  # noqa: ARG002 - the protocol's
        """Ask to give money back; whether it arrives is told later.

        The key is the refund's alone, whichever call this is: nobody can ask what an earlier one left.
        """
        payment_id = _payment(provider_ref)
        taken = _standing(await self._told(payment_id), FactKind.CAPTURED)
        if taken is None:
            raise StateConflict("nothing_paid")
        asked = {
            **self._mine(reference.of_refund(payment_id, refund_id)),
            "amount": to_adyen(amount),
            "merchantRefundReason": "CUSTOMER REQUEST",
        }
        call = partial(
            self._adyen.modifications_api.refund_captured_payment, paymentPspReference=taken.operation
        )
        answer = await self._call("refund", call, asked, key=f"{refund_id}:refund:1")
        found = await self.find_refund(provider_ref, refund_id=refund_id)
        psp = str(answer.get("pspReference", ""))
        return found or RefundAnswer(provider_ref=psp, status=RefundStatus.PENDING, amount=amount)

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:
        """Look for what was told of a refund of ours."""
        payment_id = _payment(provider_ref)
        mine = reference.of_refund(payment_id, refund_id)
        told = [
            each
            for item in await self._items(payment_id)
            if item.told["merchantReference"] == mine and (each := fact.tell(item))
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

    async def _items(self, payment_id: PaymentId) -> list[fact.Item]:
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

    async def _call(self, operation: str, call: Callable[..., Any], body: Json, *, key: str) -> Json:
        """Have a thread wait for Adyen's answer; what goes wrong is one of a gateway's troubles.

        The provider's words stay in our log: they may speak of a person, and a failure is kept in histories.
        """
        with outgoing(self.provider, operation):
            async with self.guard.call():
                asking = partial(call, body, idempotency_key=key)
                return await self._answer(operation, asking)

    async def _answer(self, operation: str, asking: Callable[[], Any]) -> Json:
        try:
            answer = (await asyncio.get_running_loop().run_in_executor(self._threads, asking)).message
        except AdyenAPIResponseError as error:
            no = trouble.of_adyen(error, self._now())
            self._note(operation, no, str(error.psp or ""))
            raise no from None
        except requests.RequestException as error:
            raise trouble.of_connection(error) from None
        except (AdyenError, TypeError, AttributeError, ValueError):  # JSON of no shape that the SDK knows
            raise OutcomeUnknown("not_understood") from None
        if not isinstance(answer, dict) or not answer:
            raise OutcomeUnknown("not_understood")
        return answer

    def _note(self, operation: str, no: GatewayTrouble, psp: str) -> None:
        log.warning(
            "provider said no",
            provider=self.provider,
            operation=operation,
            trouble=type(no).__name__,
            reason=no.reason,
            provider_request=psp,
        )


def _client(api_key: str, merchant: str, api: str, timeout: timedelta) -> Any:
    """Make Adyen's client for one base address; retries are the saga's, and it makes none."""
    live = "-live" in api  # else the package would write another host
    client: Any = Adyen.Adyen(
        xapikey=api_key,
        merchant_account=merchant,
        platform="live" if live else "test",
        http_timeout=timeout.total_seconds(),
        http_force="requests",
        live_endpoint_prefix="given by the address",
    )
    for service in vars(client.checkout).values():
        if hasattr(service, "baseUrl"):
            service.baseUrl = api
    return client.checkout


def _payment(provider_ref: str) -> PaymentId:
    """Read whose reference it is. Raises NotFound for what is none of ours."""
    try:
        return PaymentId(UUID(provider_ref))
    except ValueError:
        raise NotFound("not_ours") from None


def _standing(told: Sequence[PaymentFact], *kinds: FactKind) -> PaymentFact | None:
    """Give the last thing told of these kinds."""
    return next((each for each in reversed(told) if each.kind in kinds), None)
