"""Puts the front door together: the database, the way to Temporal, gateways that verify webhooks, the routes.

`create_app(settings)` for whoever has settings; `api.app:app` for a server, from the environment.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import aiohttp
from fastapi import FastAPI
from fastapi.middleware import Middleware
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from temporalio.client import Client

import wiring
from api import (
    authorization,
    back,
    catalog,
    checkout,
    codec,
    consent,
    event as happening,
    flight,
    health,
    intent,
    key,
    link,
    method,
    notice,
    page,
    passenger,
    payment,
    pricing,
    problem,
    refund,
    registry,
    report,
    stream,
    ticket,
    transaction,
    webhook,
)
from api.booking import accept, alias, claim, decide, look
from api.deps import BASE, House, Rules, Tokens
from api.feed import Feed
from api.group import Groups
from api.intake import Intake
from api.limit import Limits, RateLimitFields, Rules as LimitRules
from api.middleware import BodyLimit, SafeHeaders, Watch
from api.openapi import describer
from api.operator import (
    bank,
    block,
    booking as attended,
    case,
    dispute,
    notice as messages,
    route as routing,
    verdict,
    webhook as inbox,
)
from api.recent import Recent
from api.waker import Waker
from db import catalog as sales, event, relay
from db.booking.place import place, place_together
from db.catalog import Sale
from db.session import FOLLOWERS, Database, listen
from domain.event import Event
from domain.ids import OfferId, SlotId, TenantId
from domain.limit import Policy
from observability import log as logs, trace
from providers.gateway import Accounts, Gateway
from providers.mail.event import MailEvents
from providers.protection import Guards
from providers.seal import Seal
from providers.token import BookingTokens, KeyRing, LinkTokens, TicketTokens, UserTokens
from settings import Settings, SettingsInvalid
from workflows.client import Sagas
from workflows.codec import SealedPayloads

# In the order in which they are asked about a request: first what is asked for most.
PARTS = (
    *(accept, notice, webhook, payment, look, stream),
    *(
        alias,
        flight,
        claim,
        decide,
        checkout,
        passenger,
        consent,
        intent,
        authorization,
        method,
        link,
        transaction,
        catalog,
        pricing,
        ticket,
    ),
    *(refund, inbox, messages, case, block, attended, verdict, codec, happening, health, key, page, back),
    dispute,
    report,
    registry,
    routing,
    bank,
)

# Of bookings that are written in one transaction.
LARGEST_GROUP = 64
# How old a price may be: a change of the catalogue shows after this long.
SALE_SECONDS = 1.0


def create_app(settings: Settings, further: Sequence[Gateway] = ()) -> FastAPI:
    """Make the application, with `further` gateways beside our own; its parts are opened when a server starts
    it, and closed when it stops.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings, further) as house:
            app.state.house = house
            with told_to_end(house.feed.close):
                yield

    app = FastAPI(
        title="Holdfast",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={
            "tracing": bool(settings.otel_exporter_otlp_endpoint),
            "metrics": False,
            "logs": False,
            "exclude": _asked_by_machines,
        },
        middleware=[
            Middleware(SafeHeaders, https=settings.api_url.startswith("https:")),
            *cors(settings),
            Middleware(Watch),
            Middleware(RateLimitFields),
            Middleware(
                BodyLimit,
                caps={
                    f"{BASE}/webhooks/sendgrid": 2 * settings.max_webhook_bytes,  # as it packs its events
                    f"{BASE}/webhooks/": settings.max_webhook_bytes,
                    f"{BASE}/codec/": settings.max_webhook_bytes,
                    "/": settings.max_body_bytes,
                },
                seconds=settings.body_seconds,
            ),
        ],
    )
    problem.install(app)
    # Not included one by one: FastAPI then asks each of them twice about every request.
    app.router.routes.extend(route for part in PARTS for route in part.router.routes)
    app.mount("/static", StaticFiles(directory=page.WEB / "static"))
    app.openapi = describer(app)  # type: ignore[method-assign] # FastAPI's documented way
    return app


@asynccontextmanager
async def opened(settings: Settings, further: Sequence[Gateway] = ()) -> AsyncIterator[House]:
    """Open what the routes need, waiting for the database; Temporal is reached when it is first asked."""
    async with AsyncExitStack() as closing:
        database = await wiring.database(settings, "app", settings.database_app_url)
        closing.push_async_callback(database.close)
        payments = await wiring.database(settings, "payment", settings.database_payment_url)
        closing.push_async_callback(payments.close)
        http = await closing.enter_async_context(aiohttp.ClientSession())
        temporal = await wiring.client(settings, retry=wiring.SOON_AWAY, lazy=True)
        # But for the list of a user's stored methods, nothing here asks a provider anything.
        accounts = wiring.accounts(settings, http, payments, Guards(), further)
        made = house(settings, database, payments, temporal, accounts)
        heard = listen(settings.database_app_url, FOLLOWERS, made.feed.hear)
        for work in (made.waker.run(), made.feed.run(), heard):
            await closing.enter_async_context(running(work))
        yield made


def house(
    settings: Settings, database: Database, payments: Database, temporal: Client, accounts: Accounts
) -> House:
    """Put the parts together."""

    async def wake(works: Collection[str]) -> None:
        async with database.alone() as connection:
            await relay.wake(connection, works)

    async def events(tenant_id: TenantId, after: Mapping[UUID, int]) -> list[Event]:
        async with database.looking(tenant_id) as connection:
            return await event.of_subjects(connection, tenant_id, after)

    async def sale(named: tuple[TenantId, OfferId, SlotId]) -> Sale:
        async with database.looking(named[0]) as connection:
            return await sales.sale(connection, *named)

    return House(
        database=database,
        payments=payments,
        sagas=Sagas(temporal, settings.queue_prefix, timedelta(seconds=settings.payment_answer_seconds)),
        gateways=accounts,
        mail_events=mail_events(settings),
        tokens=tokens(settings),
        seal=Seal(settings.field_keys),
        waker=Waker(wake),
        intake=Intake(database),
        placing=Groups(partial(place_together, database), partial(place, database), largest=LARGEST_GROUP),
        feed=Feed(events),
        limits=Limits(database, limits(settings)),
        rules=Rules(
            api_url=settings.api_url,
            grace=timedelta(seconds=settings.hold_grace_seconds),
            publishable_keys={
                (each.provider, each.name): each.publishable_key for each in settings.credentials
            },
            live=settings.holdfast_env == "production",
            ui_origin="/".join(settings.temporal_ui_url.split("/")[:3]),
            codec_ticket=settings.codec_ticket,
        ),
        payloads=SealedPayloads(settings.payload_keys) if settings.payload_keys else None,
        probes={"database": database.ping, "temporal": temporal.service_client.check_health},
        sales=Recent(sale, seconds=SALE_SECONDS),
    )


def limits(settings: Settings) -> LimitRules:
    """Write down how often who may ask."""
    return LimitRules(
        user=Policy(name="user", quota=settings.rate_user, seconds=settings.rate_user_seconds),
        anonymous=Policy(
            name="anonymous", quota=settings.rate_anonymous, seconds=settings.rate_anonymous_seconds
        ),
        payments=Policy(
            name="payments", quota=settings.rate_payments, seconds=settings.rate_payments_seconds
        ),
        guesses=Policy(name="guesses", quota=settings.rate_guesses, seconds=settings.rate_guesses_seconds),
        suspicious_after=settings.review_attempts,
        suspicious_within=timedelta(seconds=settings.review_attempts_seconds),
        secret=f"rate limits {settings.booking_token_secret}".encode(),
        proxies=settings.proxies,
    )


def cors(settings: Settings) -> list[Middleware]:
    """Let the pages of the listed origins read our answers; without a list no page but ours does."""
    if not settings.cors_allowed:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_allowed,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Channel-Key"],
            expose_headers=["Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"],
            max_age=600,
        )
    ]


def mail_events(settings: Settings) -> Mapping[str, MailEvents]:
    """Build what verifies the mail service's events, if it tells us any."""
    keys = settings.sendgrid_webhook_keys
    return {webhook.MAIN_ACCOUNT: MailEvents(keys)} if keys else {}


def tokens(settings: Settings) -> Tokens:
    """Build what signs and verifies tokens."""
    users = KeyRing(settings.jwt_private_key, settings.jwt_public_keys)
    tickets = KeyRing(settings.ticket_private_key)
    return Tokens(
        users=UserTokens(users, settings.jwt_issuer),
        bookings=BookingTokens(settings.booking_token_secret),
        tickets=TicketTokens(tickets),
        links=LinkTokens(settings.booking_token_secret, settings.api_url),
        keys=(users, tickets),
    )


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    """Let something run meanwhile, and end it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@contextmanager
def told_to_end(then: Callable[[], None]) -> Iterator[None]:
    """Call `then` as soon as the process is told to end.

    A server waits for its open answers before it says so itself, and a stream is one that never ends.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {}
    loop = asyncio.get_running_loop()

    def told(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(then)
        if callable(handler := before[signal.Signals(number)]):
            handler(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def __getattr__(name: str) -> Any:
    """Make `app` when a server asks for it, so that importing this module reads no environment."""
    if name != "app":
        raise AttributeError(name)
    try:
        settings = Settings()
    except SettingsInvalid as invalid:
        raise SystemExit(str(invalid)) from None
    logs.set_up("api", level=settings.log_level, pretty=settings.holdfast_env == "development")
    trace.set_up("api", environment=settings.holdfast_env, endpoint=settings.otel_exporter_otlp_endpoint)
    app = create_app(settings)
    wiring.keep_what_exists()
    return app


def _asked_by_machines(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in ("/health/live", "/health/ready", "/metrics")
