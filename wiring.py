"""Builds what both entry points are made of, from the settings: ways to Temporal and the database, and the
accounts at payment providers. Only worker.py and api/app.py import it.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp
import structlog
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RetryConfig

from db.session import OUTAGES, Database
from db.webhook import Told
from observability import trace
from observability.trace import StatementWatch
from providers import account
from providers.account import Shared
from providers.gateway import Accounts, Gateway
from providers.protection import Guards
from settings import Settings
from workflows.codec import converter

log = structlog.get_logger("wiring")

T = TypeVar("T")

# What connecting raises; RuntimeError comes from Temporal's client.
UNREACHABLE: tuple[type[Exception], ...] = (*OUTAGES, RuntimeError)
# Who tells a saga something, or has a caller waiting, hears soon that nobody is there: by default the SDK
# tries for ten seconds. Temporal's own workers are patient.
SOON_AWAY = RetryConfig(
    initial_interval_millis=50, max_interval_millis=200, max_elapsed_time_millis=1500, max_retries=5
)


def keep_what_exists() -> None:
    """Tell the collector of garbage that what was built lives as long as the process: no collection looks at
    it again, and the young are looked at a tenth as often, all else as ever.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # else garbage gathers until it is a quarter of all that was frozen
    gc.set_threshold(7_000, 5, 1)


async def patiently(who: str, connect: Callable[[], Awaitable[T]]) -> T:
    """Connect, however long it takes: who starts before what it needs waits for it."""
    pause = 0.1
    while True:
        try:
            return await connect()
        except UNREACHABLE as error:
            log.warning("waiting", on=who, error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5)


async def client(
    settings: Settings,
    *,
    runtime: Runtime | None = None,
    retry: RetryConfig | None = None,
    lazy: bool = False,
) -> Client:
    """Connect to Temporal, waiting for it; or, when `lazy`, once it is first asked."""

    def connect() -> Awaitable[Client]:
        return Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=converter(settings.payload_keys),
            interceptors=trace.of_sagas(settings.otel_exporter_otlp_endpoint),
            runtime=runtime,
            retry_config=retry,
            lazy=lazy,
            grpc_compression=GrpcCompression.NONE,  # what is sealed does not shrink; both ends pay for trying
        )

    return await patiently("temporal", connect)


async def database(settings: Settings, role: str, url: str) -> Database:
    """Connect to the database as one of its roles, waiting for it."""
    return await patiently(
        "postgres",
        lambda: Database.connect(
            url,
            size=settings.database_pool_size,
            statement_cache=settings.database_statement_cache,
            on_query=StatementWatch(role),
        ),
    )


def accounts(
    settings: Settings,
    http: aiohttp.ClientSession,
    payments: Database,
    guards: Guards,
    further: Sequence[Gateway],
) -> Accounts:
    """Build the gateways of our accounts at payment providers, and put `further` ones beside them."""
    shared = Shared(
        http=http,
        apis=settings.provider_apis,
        guards=guards,
        memory=partial(Told, payments),
        timeout=timedelta(seconds=settings.provider_timeout_seconds),
        tolerance=timedelta(seconds=settings.webhook_tolerance_seconds),
        adyen_theme=settings.adyen_theme,
        paypal_roots=Path(settings.paypal_roots),
    )
    return Accounts(*account.gateways(settings.credentials, shared), *further)
