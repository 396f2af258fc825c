"""The worker: builds databases, providers and activities, serves Temporal's task queues and runs the relay.

    python worker.py [--queue NAME …]     bookings, providers, notices, payouts, relay; all if none is named

One process may do it all; each queue may as well have processes of its own.
"""

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import structlog
import uvloop
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.worker import Interceptor, PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

import wiring
from activities.aftercare import AftercareActivities
from activities.booking import BookingActivities
from activities.case import Cases
from activities.dispute import DisputeActivities
from activities.failure import Failures
from activities.health import Check, told_on
from activities.heartbeat import Heartbeats
from activities.inventory import InventoryActivities
from activities.log import Lines
from activities.method import MethodActivities
from activities.notice import NoticeActivities
from activities.payment import PaymentActivities
from activities.refund import RefundActivities
from activities.relay.relay import Relay
from activities.sweep import SweepActivities
from db.session import Database
from domain.sweep import SweepRequest
from observability import log as logs, trace
from observability.metrics import sdk_runtime
from providers.gateway import Gateway, Gateways
from providers.mail.addressee import Addressees
from providers.mail.post import Post, Substitutes
from providers.mail.sendgrid import SendGrid
from providers.mail.smtp import Smtp
from providers.protection import Guards, Limits
from providers.token import KeyRing, LinkTokens, TicketTokens
from settings import Settings, SettingsInvalid
from workflows import names
from workflows.aftercare import AftercareWorkflow
from workflows.booking import BookingWorkflow
from workflows.client import Sagas
from workflows.dispute import DisputeWorkflow
from workflows.method import MethodWorkflow
from workflows.notice import NoticeWorkflow
from workflows.refund import RefundWorkflow
from workflows.schedule import keep_sweeping
from workflows.sweep import SweepWorkflow

log = structlog.get_logger("worker")

RELAY = "relay"
QUEUES = (*names.QUEUES, RELAY)
ACCOUNT = "default"

BOOKING_WORKFLOWS = [BookingWorkflow, AftercareWorkflow, MethodWorkflow]
MONEY_WORKFLOWS = [DisputeWorkflow, RefundWorkflow, SweepWorkflow]
NOTICE_WORKFLOWS = [NoticeWorkflow]
WORKFLOWS = [*BOOKING_WORKFLOWS, *MONEY_WORKFLOWS, *NOTICE_WORKFLOWS]
# Nothing stands between a run and its code: rules and replays hold that it is deterministic (decision 0014).
RUNNER = UnsandboxedWorkflowRunner()
# Shorter than a platform waits before it kills.
GRACE = timedelta(seconds=20)
# How often memory that nothing uses any more is given back to the system.
TRIM_SECONDS = 10.0


@dataclass(frozen=True)
class Parts:
    """What a worker is made of."""

    settings: Settings
    temporal: Client
    sagas: Sagas
    app: Database
    payment: Database
    relay: Database
    gateways: Gateways
    guards: Guards
    post: Post
    tickets: TicketTokens
    links: LinkTokens


@asynccontextmanager
async def parts(
    settings: Settings, runtime: Runtime | None = None, further: Sequence[Gateway] = ()
) -> AsyncIterator[Parts]:
    """Connect to everything, waiting for what is not there yet; close it afterwards.

    `further` gateways are served beside our own.
    """
    async with AsyncExitStack() as opened:
        temporal = await wiring.client(settings, runtime=runtime)
        impatient = await wiring.client(settings, runtime=runtime, retry=wiring.SOON_AWAY)
        roles = {
            "app": settings.database_app_url,
            "payment": settings.database_payment_url,
            "relay": settings.database_relay_url,
        }
        databases = {role: await wiring.database(settings, role, url) for role, url in roles.items()}
        for each in databases.values():
            opened.push_async_callback(each.close)
        http = await opened.enter_async_context(aiohttp.ClientSession())
        guards = Guards(limits(settings))
        yield Parts(
            settings=settings,
            temporal=temporal,
            sagas=Sagas(impatient, settings.queue_prefix),
            gateways=wiring.accounts(settings, http, databases["payment"], guards, further),
            guards=guards,
            post=post(settings, http, guards),
            tickets=TicketTokens(KeyRing(settings.ticket_private_key)),
            links=LinkTokens(settings.booking_token_secret, settings.api_url),
            **databases,
        )


def post(settings: Settings, http: aiohttp.ClientSession, guards: Guards) -> Post:
    """Build whoever delivers letters, the preferred service first."""
    build = {"sendgrid": partial(sendgrid, settings, http, guards), "smtp": partial(smtp, settings, guards)}
    return Substitutes(*(build[name]() for name in settings.mail_services))


def sendgrid(settings: Settings, http: aiohttp.ClientSession, guards: Guards) -> Post:
    """Build the way to SendGrid."""
    return SendGrid(
        api_key=settings.mail_api_key,
        sender=settings.mail_from,
        http=http,
        api=settings.sendgrid_api_base,
        timeout=timedelta(seconds=settings.provider_timeout_seconds),
        guard=guards.of("sendgrid", ACCOUNT),
    )


def smtp(settings: Settings, guards: Guards) -> Post:
    """Build the way to a mail server."""
    return Smtp(
        host=settings.smtp_host,
        port=settings.smtp_port,
        user=settings.smtp_user,
        password=settings.smtp_password,
        tls=settings.smtp_tls,
        sender=settings.mail_from,
        timeout=timedelta(seconds=settings.provider_timeout_seconds),
        guard=guards.of("smtp", ACCOUNT),
    )


def limits(settings: Settings) -> Limits:
    """Say how much of this process one account at a provider may take."""
    return Limits(
        calls=settings.provider_calls,
        waiting=settings.provider_calls // 2,
        failures=settings.provider_failures,
        rest=settings.provider_rest_seconds,
    )


def serving(built: Parts) -> dict[str, dict[str, Any]]:
    """List what each task queue runs."""
    return {
        names.BOOKINGS: bookings(built),
        names.PROVIDERS: providers(built),
        names.NOTICES: notices(built),
        names.PAYOUTS: payouts(built),
    }


def bookings(built: Parts) -> dict[str, Any]:
    """Run bookings, and their steps on our own rows."""
    inventory, booking = InventoryActivities(built.app), BookingActivities(built.app)
    aftercare = AftercareActivities(built.app, built.payment, built.sagas)
    # A step's deadline counts from its beginning: who would wait for a connection does not begin.
    connections = built.settings.database_pool_size
    return {
        "workflows": BOOKING_WORKFLOWS,
        "activities": [
            inventory.hold_places,
            inventory.keep_places,
            inventory.ask_judge,
            inventory.release_places,
            booking.confirm_booking,
            booking.end_booking,
            aftercare.hand_over,
            aftercare.settle_late_money,
            aftercare.record_refund,
        ],
        "workflow_runner": RUNNER,
        "max_cached_workflows": built.settings.worker_cached_runs,
        "max_concurrent_workflow_tasks": 100,
        "max_concurrent_local_activities": connections,
        "max_concurrent_activities": connections,
        # Bookings come in crowds; a task nobody waits for costs the engine three more calls to its store.
        "workflow_task_poller_behavior": PollerBehaviorAutoscaling(minimum=10, initial=20),
    }


def providers(built: Parts) -> dict[str, Any]:
    """Ask payment providers."""
    payment = PaymentActivities(built.payment, built.gateways, built.sagas)
    refund = RefundActivities(built.payment, built.gateways)
    dispute = DisputeActivities(built.payment, built.gateways)
    method = MethodActivities(built.payment, built.gateways)
    sweep = sweeps(built)
    return {
        "activities": [
            payment.create_payment,
            payment.check_payment,
            payment.capture_payment,
            payment.void_payment,
            payment.close_payment,
            payment.return_payment,
            method.store_method,
            method.forget_method,
            refund.refund_payment,
            dispute.follow_dispute,
            sweep.list_missed,
            sweep.ask_open_payments,
        ]
    }


def notices(built: Parts) -> dict[str, Any]:
    """Run letters, and hand them over: on one queue, so that the step rides on the task that asks for it."""
    addressees = Addressees(built.settings.booking_token_secret)
    notice = NoticeActivities(built.app, built.post, addressees, built.tickets, built.links)
    return {
        "workflows": NOTICE_WORKFLOWS,
        "activities": [notice.send_notice],
        "workflow_runner": RUNNER,
        "max_cached_workflows": built.settings.worker_cached_runs,
        "workflow_task_poller_behavior": PollerBehaviorAutoscaling(minimum=5),
    }


def payouts(built: Parts) -> dict[str, Any]:
    """Run what moves money beside bookings, and sweeps."""
    refund = RefundActivities(built.payment, built.gateways)
    aftercare = AftercareActivities(built.app, built.payment, built.sagas)
    return {
        "workflows": MONEY_WORKFLOWS,
        "activities": [refund.open_refund, aftercare.record_refund, sweeps(built).begin_lost],
        "workflow_runner": RUNNER,
    }


def sweeps(built: Parts) -> SweepActivities:
    """Build the steps of a sweep, which two queues share."""
    return SweepActivities(
        built.app,
        built.relay,
        built.gateways,
        built.sagas,
        live=built.settings.holdfast_env == "production",
        grace=timedelta(seconds=built.settings.hold_grace_seconds),
    )


def workers(
    built: Parts,
    queues: Collection[str],
    *,
    interceptors: Sequence[Interceptor] = (),
    failing: Sequence[type[BaseException]] = (),
) -> list[Worker]:
    """Make a worker for each of the queues; `failing` are errors that fail a run instead of blocking it."""
    return [
        Worker(
            built.temporal,
            task_queue=f"{built.settings.queue_prefix}{queue}",
            interceptors=[
                *(Heartbeats(), Lines()),
                *(Cases(built.app, patience=built.settings.step_patience), Failures()),
                *interceptors,
            ],
            max_heartbeat_throttle_interval=timedelta(seconds=1),
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),  # what a killed worker costs
            workflow_failure_exception_types=failing,
            activity_task_poller_behavior=PollerBehaviorAutoscaling(minimum=5),
            graceful_shutdown_timeout=GRACE,
            # No payload lies outside of a history; with more the SDK would make a task for each, to fetch it.
            max_workflow_task_external_storage_concurrency=1,
            # One account at a provider takes some of these (PROVIDER_CALLS).
            **{"max_concurrent_activities": 100, **served},
        )
        for queue, served in serving(built).items()
        if queue in queues
    ]


@asynccontextmanager
async def working(
    built: Parts,
    queues: Collection[str] = QUEUES,
    *,
    interceptors: Sequence[Interceptor] = (),
    failing: Sequence[type[BaseException]] = (),
) -> AsyncIterator[None]:
    """Serve the queues meanwhile, and relay if that is among them; end in order, running steps first."""
    async with AsyncExitStack() as running:
        if RELAY in queues:
            await running.enter_async_context(beside(relay(built).run()))
        for each in workers(built, queues, interceptors=interceptors, failing=failing):
            await running.enter_async_context(each)
        yield


async def sweeping(built: Parts) -> None:
    """Have every account swept from now on, whichever worker begins."""
    every = timedelta(seconds=built.settings.sweep_seconds)
    for provider, name in built.gateways.names:
        request = SweepRequest(provider=provider, account=name, every=every)
        prefix = built.settings.queue_prefix
        await wiring.patiently("temporal", partial(keep_sweeping, built.temporal, request, prefix=prefix))


def relay(built: Parts) -> Relay:
    """Make the relay."""
    return Relay(
        database=built.relay,
        gateways=built.gateways,
        sagas=built.sagas,
        url=built.settings.database_relay_url,
        live=built.settings.holdfast_env == "production",
        grace=timedelta(seconds=built.settings.hold_grace_seconds),
    )


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` meanwhile; a defect that ends it ends us too, and a supervisor starts the process anew."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        yield
        task.cancel()


async def trimming(library: object, *, every_seconds: float = TRIM_SECONDS) -> None:
    """Give memory back, for ever: what a forgotten run has freed the C library keeps, scattered, for the next
    one. Only glibc has to be asked.
    """
    trim = getattr(library, "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(every_seconds)
        await asyncio.to_thread(trim, 0)


async def main(settings: Settings, queues: Collection[str]) -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runtime = sdk_runtime(f"{settings.api_host}:{settings.worker_metrics_port}")
    async with parts(settings, runtime) as built:
        checks: dict[str, Check] = {
            "temporal": built.temporal.service_client.check_health,
            "database": built.app.ping,
        }
        async with (
            told_on(
                settings.api_host, settings.worker_health_port, checks, {"circuits": built.guards.circuits}
            ),
            working(built, queues),
            beside(trimming(ctypes.CDLL(None))),
        ):
            if names.PAYOUTS in queues:
                await sweeping(built)
            wiring.keep_what_exists()
            log.info("working", queues=sorted(queues))
            await stop.wait()
            log.info("stopping")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="worker.py", description="Serves Temporal's task queues.")
    parser.add_argument(
        "--queue", nargs="+", action="extend", choices=QUEUES, help="serve these only; may be repeated"
    )
    return parser.parse_args()


if __name__ == "__main__":
    wanted = arguments().queue or QUEUES
    try:
        given = Settings()
    except SettingsInvalid as invalid:
        sys.exit(str(invalid))
    logs.set_up("worker", level=given.log_level, pretty=given.holdfast_env == "development")
    tracing = trace.set_up(
        "worker", environment=given.holdfast_env, endpoint=given.otel_exporter_otlp_endpoint
    )
    uvloop.run(main(given, wanted))
    if tracing:
        tracing.shutdown()
    logging.shutdown()
    os._exit(0)  # the interpreter's own way out may abort inside the SDK's native threads
