"""One account at PayPal."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

import aiohttp

from domain.ids import PaymentId, made_at
from domain.money import Money
from domain.payment import Closing, FactKind, PaymentFact
from domain.split import Portion
from providers.books import Books
from providers.dispute import Disputes
from providers.gateway import (
    Declined,
    Missed,
    NotExecuted,
    NotFound,
    Opened,
    Order,
    RefundAnswer,
    Refused,
    StateConflict,
    WebhookEvent,
    refuse_to_divide,
)
from providers.paypal_gateway import fact, order as orders, webhook
from providers.paypal_gateway.amount import from_paypal, to_paypal
from providers.paypal_gateway.books import PayPalBooks
from providers.paypal_gateway.certificate import LIVE, Certificates
from providers.paypal_gateway.client import CONNECT_SECONDS, Json, PayPalClient, understood
from providers.paypal_gateway.dispute import PayPalDisputes
from providers.paypal_gateway.fact import Heard
from providers.paypal_gateway.transfer import PayPalTransfers
from providers.protection import Guard
from providers.transfer import Transfers
from providers.vault import Vault

API = "https://api-m.paypal.com"
TIMEOUT = timedelta(seconds=10)
# An order that is not completed by then is gone: PayPal does not know its id any more.
ORDER_LIFE = timedelta(hours=3)
# For so long PayPal is sure of the money that it holds.
HONOURED = timedelta(days=3)
PAGE = 100
# Before a label is written, and after it to see which of two came first, ours or the buyer.
LOOKS = 3
INSTANT = "%Y-%m-%dT%H:%M:%SZ"

ORDERS, AUTHORIZATIONS = "/v2/checkout/orders", "/v2/payments/authorizations"
CAPTURES, EVENTS = "/v2/payments/captures", "/v1/notifications/webhooks-events"


class PayPalGateway:
    """Orders that the buyer approves at PayPal, in one account; a reference of ours is an order's id.

    An approved order is ours to take, as an authorisation is: only `capture` moves money. One whose money is
    to be held is authorised as soon as we see the approval, for an order lives three hours and an
    authorisation 29 days; PayPal honours it for three, and then anew for each reauthorisation. PayPal's own
    vault is not used: it needs the buyer's consent to be charged without them, and with the buyer there the
    page remembers how they pay.

    `http` is the process's own session; who made it closes it. `webhook_ids` are our registrations, `roots`
    (PEM) whom we trust to certify PayPal. No call takes longer than `timeout`, and all pass the `guard`.
    """

    provider = orders.PAYPAL
    divides = False
    vault: Vault | None = None

    def __init__(
        self,
        *,
        account: str,
        client_id: str,
        secret: str,
        webhook_ids: Sequence[str],
        roots: bytes,
        http: aiohttp.ClientSession,
        api: str = API,
        timeout: timedelta = TIMEOUT,
        order_life: timedelta = ORDER_LIFE,
        guard: Guard | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.account = account
        self.guard = guard or Guard(self.provider, account)
        self._webhook_ids, self._live = tuple(webhook_ids), api in LIVE
        self._order_life, self._clock = order_life, clock
        self._client = PayPalClient(
            api=api,
            client_id=client_id,
            secret=secret,
            http=http,
            timeout=timeout,
            guard=self.guard,
            clock=clock,
        )
        limit = aiohttp.ClientTimeout(total=timeout.total_seconds(), connect=CONNECT_SECONDS)
        self.books: Books | None = PayPalBooks(self._client)
        self.transfers: Transfers | None = PayPalTransfers(self._client)
        self.disputes: Disputes | None = PayPalDisputes(self._client)
        self._certificates = Certificates(api=api, roots=roots, http=http, timeout=limit)

    def refuse_if_away(self) -> None:
        """Say before anything is written that asking is of no use now. Raises CircuitOpen."""
        self.guard.refuse_if_open()

    async def open_checkout(self, order: Order, *, op_key: str) -> Opened:
        """Make an order for the buyer to approve; PayPal gives the same one to the same key for six hours.

        It lapses by itself, which may be before or after the deadline of `order`.
        """
        refuse_to_divide(order.portions)
        wish = orders.order_wish(order)
        made = await self._client.ask("open_checkout", "POST", ORDERS, wish, key=op_key)
        with understood():
            ends = fact.instant(made["create_time"]) + self._order_life
            return orders.opened(made, hosted=order.hosted).model_copy(
                update={"expires_at": ends, "ends_wait": True}
            )

    async def find_checkout(self, payment_id: PaymentId) -> Opened | None:  # noqa: ARG002 - the protocol's
        """Find nothing: PayPal lists no orders. Asked again with its key it gives the one that was made; and
        one whose id we never heard can be neither approved nor captured, so it need not be closed.
        """
        return None

    async def close_checkout(self, provider_ref: str, *, op_key: str) -> Closing:  # noqa: ARG002 - the protocol's
        """Label the order as closed, so that it is never captured; it lapses by itself. Approved is paid."""
        for _ in range(LOOKS):
            order = await self._order(provider_ref)
            with understood():
                closing = fact.closing(order)
            if closing is not None:
                return closing
            await self._label_closed(order)
        raise NotExecuted("still_open")

    async def capture(
        self, provider_ref: str, amount: Money, *, op_key: str, portions: Sequence[Portion] = ()
    ) -> None:
        """Take the money of an approved order; of one whose money is held apart, `amount` of it.

        Raises Declined as well, for the buyer's bank is asked only now: such an order is given up.
        """
        refuse_to_divide(portions)
        order = await self._order(provider_ref)
        with understood():
            paid, closed = fact.payments(order), fact.is_closed(order)
            whole, holds = from_paypal(order["purchase_units"][0]["amount"]), order["intent"] == "AUTHORIZE"
        if closed or paid.get("captures"):
            raise StateConflict("closed" if closed else "taken_already")
        if not holds and amount != whole:
            raise Refused("not_divisible")
        try:
            if holds:
                await self._capture_held(provider_ref, order, amount, op_key)
            else:
                await self._client.ask("capture", "POST", f"{ORDERS}/{provider_ref}/capture", key=op_key)
        except Declined:
            await self._label_closed(order)
            raise

    async def _capture_held(self, provider_ref: str, order: Json, amount: Money, op_key: str) -> None:
        order = await self._authorized(provider_ref, order)
        with understood():
            held = fact.payments(order)["authorizations"][0]
            authorization, wanes = held["id"], fact.instant(held["create_time"]) + HONOURED
        wish = {"amount": to_paypal(amount), "final_capture": True}
        if self._now() > wanes:
            path = f"{AUTHORIZATIONS}/{authorization}/reauthorize"
            again = await self._client.ask("reauthorize", "POST", path, key=f"{op_key}:reauthorize")
            with understood():
                authorization = str(again["id"])
        await self._client.ask(
            "capture", "POST", f"{AUTHORIZATIONS}/{authorization}/capture", wish, key=op_key
        )

    async def _authorized(self, provider_ref: str, order: Json) -> Json:
        """Have the money of an approved order held, if it is to be; gives the order as it stands then."""
        with understood():
            wanted = fact.is_to_be_held(order)
        if not wanted:
            return order
        path = f"{ORDERS}/{provider_ref}/authorize"
        with suppress(StateConflict):  # authorised meanwhile, as the next look tells
            return await self._client.ask("authorize", "POST", path, key=f"{provider_ref}:authorize:1")
        return await self._order(provider_ref)

    async def void(self, provider_ref: str, *, op_key: str) -> None:
        """Release what is held, or give up what is only approved; released already is done."""
        order = await self._order(provider_ref)
        with understood():
            paid, closed = fact.payments(order), fact.is_closed(order)
            held = [each["id"] for each in paid.get("authorizations", ()) if each["status"] == "CREATED"]
        if paid.get("captures"):
            raise StateConflict("taken_already")
        for authorization in held:
            await self._client.ask("void", "POST", f"{AUTHORIZATIONS}/{authorization}/void", key=op_key)
        if not paid and not closed:
            await self._label_closed(order)

    async def fetch(self, payment_id: PaymentId, provider_ref: str) -> Sequence[PaymentFact]:
        """Give where the order stands, and every capture and refund of it; what is approved to be held is
        held with that.
        """
        heard = Heard(self.account, payment_id, provider_ref)
        try:
            order = await self._order(provider_ref)
        except NotFound:
            began = made_at(payment_id)
            if began is None or self._now() < began + self._order_life:
                raise
            return [heard.fact(FactKind.EXPIRED, {"create_time": began.isoformat()})]
        try:
            order = await self._authorized(provider_ref, order)
        except Declined as no:
            await self._label_closed(order)
            return [heard.declined(order, no.reason), heard.fact(FactKind.CANCELLED, order)]
        with understood():
            told = list(fact.of_order(heard, order))
        return list({(each.kind, each.operation): each for each in told}.values())

    async def refund(
        self,
        provider_ref: str,
        amount: Money,
        *,
        refund_id: str,
        op_key: str,
        portions: Sequence[Portion] = (),
    ) -> RefundAnswer:
        """Give money back; the refund carries our id of it, and its payment's labels, so that its events find
        the owner.
        """
        refuse_to_divide(portions)
        order = await self._order(provider_ref)
        with understood():
            captures = fact.payments(order).get("captures") or []
            whose = orders.labels(order["purchase_units"][0].get("custom_id"))
            path = f"{CAPTURES}/{captures[0]['id']}/refund" if captures else None
        if path is None:
            raise StateConflict("nothing_paid")
        wish = {"amount": to_paypal(amount), "invoice_id": refund_id}
        if whose is not None:
            wish["custom_id"] = str(whose._replace(order_id=provider_ref, closed=False))
        refund = await self._client.ask("refund", "POST", path, wish, key=op_key)
        with understood():
            return _refund_answer(refund)

    async def find_refund(self, provider_ref: str, *, refund_id: str) -> RefundAnswer | None:
        """Look through the order's refunds for ours."""
        order = await self._order(provider_ref)
        with understood():
            refunds = fact.payments(order).get("refunds") or []
            ours = [each for each in refunds if each.get("invoice_id") == refund_id]
            return _refund_answer(ours[0]) if ours else None

    async def missed(self, since: datetime, *, onward: str = "", most: int = PAGE) -> Missed:
        """List the events that say something of money; PayPal keeps them for thirty days."""
        begin = {"page_size": most, "start_time": since.astimezone(UTC).strftime(INSTANT)}
        page = await self._client.ask("missed", "GET", f"{EVENTS}?{onward or urlencode(begin)}")
        with understood():
            told = [each for each in reversed(page["events"]) if each.get("event_type") in webhook.TOLD]
            older = [link["href"] for link in page.get("links", ()) if link["rel"] == "next"]
        deliveries = tuple(json.dumps(each).encode() for each in told)
        return Missed(deliveries=deliveries, onward=urlsplit(older[0]).query if older else "")

    async def verify(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check a delivery; its certificate is fetched when it is seen for the first time."""
        await webhook.verify(raw, headers, self._webhook_ids, now, self._certificates)

    def parse(self, raw: bytes) -> Sequence[WebhookEvent]:
        """Read the one event of an authentic delivery."""
        return webhook.parse(raw, self.account, live=self._live)

    async def _order(self, provider_ref: str) -> Json:
        return await self._client.ask("fetch", "GET", f"{ORDERS}/{provider_ref}")

    async def _label_closed(self, order: Json) -> None:
        with understood():
            change = orders.closing(order)
        try:
            await self._client.ask("close_checkout", "PATCH", f"{ORDERS}/{order['id']}", change)
        except StateConflict:
            return  # captured or given up meanwhile, which the next look tells

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _refund_answer(refund: Json) -> RefundAnswer:
    return RefundAnswer(
        provider_ref=refund["id"], status=fact.refund_status(refund), amount=from_paypal(refund["amount"])
    )
