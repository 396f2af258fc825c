"""One account at Stripe."""

import inspect
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import stripe
import structlog

from domain.ids import PaymentId, made_at
from domain.money import Money
from domain.payment import Closing, PaymentFact
from domain.split import Portion
from observability.call import outgoing
from providers.books import Books
from providers.dispute import Disputes
from providers.gateway import (
    Declined,
    GatewayTrouble,
    Missed,
    NotExecuted,
    Opened,
    Order,
    OutcomeUnknown,
    RefundAnswer,
    Refused,
    StateConflict,
    WebhookEvent,
    refuse_to_divide,
)
from providers.protection import Guard
from providers.stripe_gateway import fact, trouble, webhook
from providers.stripe_gateway.amount import from_stripe, to_stripe
from providers.stripe_gateway.books import StripeBooks
from providers.stripe_gateway.call import PAGE, each
from providers.stripe_gateway.charge import StripeCharges
from providers.stripe_gateway.dispute import StripeDisputes
from providers.stripe_gateway.fact import Heard, Json
from providers.stripe_gateway.order import intent_wish, opened_intent, opened_session, session_wish
from providers.stripe_gateway.transfer import StripeTransfers
from providers.stripe_gateway.vault import StripeVault
from providers.transfer import Transfers
from providers.trouble import of_connection
from providers.vault import Vault

stripe.enable_telemetry = (
    False  # otherwise it writes a file in the home directory and sends details of the host
)

API = "https://api.stripe.com"
TIMEOUT = timedelta(seconds=10)
CONNECT_SECONDS = 3
# How far Stripe's clock may be behind ours when we look for what we made.
CLOCKS_APART = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class StripeGateway:
    """Payment intents (the client pays with a secret) and hosted checkout sessions, in one account.

    A reference of ours is a session's id (`cs_…`) or an intent's (`pi_…`). `http` is the process's own
    session; who made it closes it. `secrets` are the webhook secrets that may have signed. No call takes
    longer than `timeout`, and all pass the `guard`.
    """

    provider = fact.PROVIDER
    divides = False

    def __init__(
        self,
        *,
        account: str,
        api_key: str,
        secrets: Sequence[str],
        http: aiohttp.ClientSession,
        api: str = API,
        tolerance: timedelta = timedelta(seconds=300),
        timeout: timedelta = TIMEOUT,
        guard: Guard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.account = account
        self.guard = guard or Guard(self.provider, account)
        self._secrets, self._tolerance, self._clock = tuple(secrets), tolerance, clock
        client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api},
            max_network_retries=0,  # retries are the saga's
            http_client=stripe.AIOHTTPClient(
                timeout=aiohttp.ClientTimeout(total=timeout.total_seconds(), connect=CONNECT_SECONDS),
                session=http,
            ),
        )
        self._client, self._stripe = client, client.v1
        self._charges = StripeCharges(client, self._call)
        self.vault: Vault | None = StripeVault(self._stripe, self._call)
        self.books: Books | None = StripeBooks(self._stripe, self._call)
        self.transfers: Transfers | None = StripeTransfers(self._stripe, self._call)
        self.disputes: Disputes | None = StripeDisputes(self._stripe, self._call)

    def refuse_if_away(self) -> None:
        """Say before anything is written that asking is of no use now. Raises CircuitOpen."""
        self.guard.refuse_if_open()

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        """Open a hosted page or an intent, or try a stored method; the same key opens the same one, whatever
        changed meanwhile.
        """
        refuse_to_divide(order.portions)
        try:
            if order.stored:
                return await self._charge_stored(order, op_key)
            if order.hosted:
                now = datetime.fromtimestamp(self._clock(), UTC)
                wish = session_wish(order, now)
                making = self._asked("post", "/v1/checkout/sessions", wish, op_key)
                return opened_session(await self._call("open_checkout", making))
            making = self._asked("post", "/v1/payment_intents", intent_wish(order), op_key)
            return opened_intent(await self._call("open_checkout", making))
        except Refused as no:
            # The deadline was put off between two tries, say: the first try's checkout is the one.
            found = await self.find_checkout(order.payment_id) if no.reason == "key_reused" else None
            if found is None:
                raise
            return found

    async def _charge_stored(self, order: Order, op_key: str) -> Opened:
        """Confirm an intent with a stored method while the buyer waits: paid, declined, or the bank asks.

        A decline leaves the intent behind, and says so in its facts.
        """
        wish = intent_wish(order)
        try:
            making = self._asked("post", "/v1/payment_intents", wish, op_key)
            opened = opened_intent(await self._call("charge_stored", making))
        except Declined:
            found = await self.find_checkout(order.payment_id)
            if found is None:
                raise
            opened = found
        facts = tuple(await self.fetch(order.payment_id, opened.provider_ref))
        return opened.model_copy(update={"client_secret": None, "facts": facts})

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:
        """Look through what was made since the payment's id was; the newest, a page before an intent.

        Stripe's search would be quicker, but shows new objects late.
        """
        since = made_at(payment_id)
        params: Json = {} if since is None else {"created": {"gte": int((since - CLOCKS_APART).timestamp())}}
        async for session in self._each("find_checkout", self._stripe.checkout.sessions.list_async, params):
            if _is_about(session, payment_id):
                return opened_session(session)
        async for intent in self._each("find_checkout", self._stripe.payment_intents.list_async, params):
            if _is_about(intent, payment_id):
                return opened_intent(intent)
        return None

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:  # noqa: ARG002 - the protocol's
        """Expire the page or cancel the intent, or learn that it was paid or is being decided.

        No idempotency key goes with it: ending what has ended changes nothing, while under a key Stripe would
        give a 500 that it has stored for a day. What is authorised counts as paid and is not voided.
        """
        if _is_session(provider_ref):
            return await self._close_session(provider_ref)
        closing = fact.closing_of_intent(await self._intent(provider_ref))
        if closing is not None:
            return closing
        try:
            await self._call(
                "close_checkout",
                self._stripe.payment_intents.cancel_async(provider_ref, {"cancellation_reason": "abandoned"}),
            )
        except StateConflict:
            return await self._why_not_cancelled(provider_ref)
        return Closing.CLOSED

    async def capture(
        self,
        provider_ref: str,
        amount: Money,
        *,
        op_key: str,  # noqa: ARG002 - the protocol's
        portions: Sequence[Portion] = (),
    ) -> None:
        """Take what an intent was authorised for, once: a second capture meets a state that does not allow
        it, so no idempotency key goes with it (Stripe would replay a 500 that it has stored).
        """
        refuse_to_divide(portions)
        intent = await self._paid_intent(provider_ref)
        if intent is None:
            raise StateConflict("nothing_authorized")
        taking = self._stripe.payment_intents.capture_async(
            intent["id"], {"amount_to_capture": to_stripe(amount)}
        )
        await self._call("capture", taking)

    async def void(self, provider_ref: str, *, op_key: str) -> None:  # noqa: ARG002 - the protocol's
        """Cancel an intent that is authorised; one that is cancelled already is done."""
        intent = await self._paid_intent(provider_ref)
        if intent is None or intent["status"] == "canceled":
            return
        releasing = self._stripe.payment_intents.cancel_async(
            intent["id"], {"cancellation_reason": "abandoned"}
        )
        await self._call("void", releasing)

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        """Give where it stands, every declined try, and every refund that is settled."""
        heard, told = Heard(self.account, payment_id), list[PaymentFact | None]()
        if _is_session(provider_ref):
            session = await self._session(provider_ref)
            told.append(fact.session_standing(heard, session))
            intent = session["payment_intent"]
            charges = await self._charges.of(intent["id"]) if intent else []
        else:
            intent, charges = await self._tried(provider_ref)
        if intent:
            told += [fact.decline(heard, intent), fact.standing(heard, intent)]
            for charge in charges:
                told += await self._charges.told(heard, intent, charge)
        return list({(each.kind, each.operation): each for each in told if each}.values())

    async def refund(
        self,
        provider_ref: str,
        amount: Money,
        *,
        refund_id: str,
        op_key: str,
        portions: Sequence[Portion] = (),
    ) -> RefundAnswer:
        """Give money back; the refund carries its payment's labels, so that its events find the owner."""
        refuse_to_divide(portions)
        intent = await self._paid_intent(provider_ref)
        if intent is None:
            raise StateConflict("nothing_paid")
        giving = self._stripe.refunds.create_async(
            {
                "payment_intent": intent["id"],
                "amount": to_stripe(amount),
                "reason": "requested_by_customer",
                "metadata": {**intent["metadata"], "refund_id": refund_id},
            },
            {"idempotency_key": op_key},
        )
        return _refund_answer(await self._call("refund", giving))

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:
        """Look through the payment's refunds for ours."""
        intent = await self._paid_intent(provider_ref)
        if intent is None:
            return None
        params = {"payment_intent": intent["id"]}
        async for refund in self._each("find_refund", self._stripe.refunds.list_async, params):
            if (refund.get("metadata") or {}).get("refund_id") == refund_id:
                return _refund_answer(refund)
        return None

    async def missed(self, since: datetime, *, onward: str = "", most: int = PAGE) -> Missed:
        """List the events that say something of money; Stripe keeps them for thirty days."""
        params: Any = {
            "created": {"gte": int(since.timestamp())},
            "types": sorted(webhook.TOLD),
            "limit": most,
        }
        if onward:
            params["starting_after"] = onward
        page = await self._call("missed", self._asked("get", "/v1/events", params))
        deliveries = tuple(json.dumps(event).encode() for event in reversed(page["data"]))
        return Missed(deliveries=deliveries, onward=page["data"][-1]["id"] if page["has_more"] else "")

    async def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check a delivery. Raises BadSignature and nothing else."""
        webhook.verify(raw, headers, self._secrets, now, self._tolerance)

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:
        """Read the one event of an authentic delivery."""
        return webhook.parse(raw, self.account)

    async def _close_session(self, provider_ref: str) -> Closing:
        try:
            await self._call("close_checkout", self._stripe.checkout.sessions.expire_async(provider_ref))
        except (StateConflict, Refused):  # paid, being decided, or over already
            closing = fact.closing_of_session(await self._session(provider_ref))
            if closing is None:
                raise NotExecuted("still_open") from None
            return closing
        return Closing.CLOSED

    async def _why_not_cancelled(self, provider_ref: str) -> Closing:
        """It was paid meanwhile, or belongs to a page: then the page is to be expired."""
        closing = fact.closing_of_intent(await self._intent(provider_ref))
        if closing is not None:
            return closing
        params = {"payment_intent": provider_ref}
        async for session in self._each("close_checkout", self._stripe.checkout.sessions.list_async, params):
            return await self._close_session(session["id"])
        raise NotExecuted("still_open")

    async def _tried(self, intent_id: str) -> tuple[Json, list[Json]]:
        """Give an intent and every charge of it: one answer holds both, once there is a charge."""
        charges = await self._charges.of(intent_id)
        if charges:
            return charges[0]["payment_intent"], charges
        intent = await self._intent(intent_id)
        return intent, await self._charges.of(intent_id) if intent["latest_charge"] else []

    async def _paid_intent(self, provider_ref: str) -> Json | None:
        if not _is_session(provider_ref):
            return await self._intent(provider_ref)
        intent: Json | None = (await self._session(provider_ref))["payment_intent"]
        return intent

    async def _session(self, provider_ref: str) -> Json:
        asking = self._stripe.checkout.sessions.retrieve_async(provider_ref, {"expand": ["payment_intent"]})
        return await self._call("fetch", asking)

    async def _intent(self, provider_ref: str) -> Json:
        return await self._call("fetch", self._stripe.payment_intents.retrieve_async(provider_ref))

    def _asked(
        self, method: str, path: str, params: Mapping[str, Any], op_key: str = ""
    ) -> Awaitable[object]:
        """Ask for what is asked for often as plain JSON: the SDK's objects of it cost more than all else."""
        options = {"idempotency_key": op_key} if op_key else {}
        return self._client.raw_request_async(method, path, **params, **options)

    def _each(
        self, operation: str, listing: Callable[[Any], Awaitable[object]], params: Json
    ) -> AsyncIterator[Json]:
        return each(self._call, operation, listing, params)

    async def _call(self, operation: str, answering: Awaitable[object]) -> Json:
        """Wait for Stripe's answer, as plain JSON; what goes wrong is one of a gateway's troubles.

        The provider's words stay in our log: they may speak of a person, and a failure is kept in histories.
        """
        try:
            with outgoing(self.provider, operation):
                async with self.guard.call():
                    return await self._answer(operation, answering)
        finally:
            if inspect.iscoroutine(answering):
                answering.close()  # whoever was turned away has never begun it

    async def _answer(self, operation: str, answering: Awaitable[object]) -> Json:
        try:
            answer = await answering
        except stripe.StripeError as error:
            no = trouble.of_stripe(error, datetime.fromtimestamp(self._clock(), UTC))
            self._note(operation, no, error.request_id)
            raise no from None
        except (aiohttp.ClientError, TimeoutError) as error:  # in the midst of the answer's body
            raise of_connection(error) from None
        except (TypeError, AttributeError, ValueError):  # JSON of no shape that the SDK knows
            raise OutcomeUnknown("not_understood") from None
        if isinstance(answer, stripe.StripeResponse) and isinstance(answer.data, dict):
            return answer.data
        if not isinstance(answer, stripe.StripeObject):
            raise OutcomeUnknown("not_understood")
        return answer.to_dict()

    def _note(self, operation: str, no: GatewayTrouble, request_id: str | None) -> None:
        log.warning(
            "provider said no",
            provider=self.provider,
            operation=operation,
            trouble=type(no).__name__,
            reason=no.reason,
            provider_request=request_id,
        )


def _is_session(provider_ref: str) -> bool:
    return provider_ref.startswith("cs_")


def _is_about(labelled: Json, payment_id: PaymentId) -> bool:
    return (labelled.get("metadata") or {}).get("payment_id") == str(payment_id)


def _refund_answer(refund: Json) -> RefundAnswer:
    return RefundAnswer(
        provider_ref=refund["id"],
        status=fact.refund_status(refund),
        amount=from_stripe(refund["amount"], refund["currency"]),
    )
