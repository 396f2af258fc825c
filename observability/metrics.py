"""Every metric of our own, by name, in one registry; `docs/observability.md` lists them for operators.

The engine's own metrics come from the Temporal SDK (`sdk_runtime`), at an address of their own. No label
holds an id, a name or an address: labels multiply.
"""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25)

# The API, by the route's template.
REQUESTS = Counter(
    "holdfast_http_requests", "Answered requests.", ("method", "route", "status"), registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "holdfast_http_request_seconds",
    "From a request's first byte to its answer's last.",
    ("method", "route"),
    buckets=_SLOW,
    registry=REGISTRY,
)
WEBHOOKS = Counter(
    "holdfast_webhooks",
    "Events stored and known; deliveries refused and unverified.",
    ("provider", "outcome"),
    registry=REGISTRY,
)

# The worker.
ACTIVITIES = Counter(
    "holdfast_activities",
    "Activity attempts by outcome: ok, refused, or the failure's type.",
    ("name", "outcome"),
    registry=REGISTRY,
)
ACTIVITY_SECONDS = Histogram(
    "holdfast_activity_seconds", "One activity attempt.", ("name",), buckets=_SLOW, registry=REGISTRY
)
RELAY_TOLD = Counter(
    "holdfast_relay_told",
    "What the relay told, by kind: booking, refund, fact, dispute, notice, hold.",
    ("kind",),
    registry=REGISTRY,
)
RELAY_LAG_SECONDS = Gauge(
    "holdfast_relay_lag_seconds",
    "Age of the oldest thing that is due and untold.",
    ("kind",),
    registry=REGISTRY,
)
NEEDS_ATTENTION = Counter(
    "holdfast_needs_attention",
    "Opened cases: what they are about (webhook, step, payment, refund, notice …), and why.",
    ("kind", "cause"),
    registry=REGISTRY,
)

LETTERS = Counter(
    "holdfast_letters",
    "Mail by what came of handing it over (accepted, suppressed, unknown …), and what was told of it since "
    "(delivered, deferred, blocked, dropped, bounced, spam).",
    ("outcome",),
    registry=REGISTRY,
)

# The database, by role and the statement's first word: texts are many, and may hold values.
STATEMENT_SECONDS = Histogram(
    "holdfast_db_statement_seconds",
    "One statement, as the driver sees it.",
    ("role", "verb"),
    buckets=_QUICK,
    registry=REGISTRY,
)

# Whoever we call.
PROVIDER_CALLS = Counter(
    "holdfast_provider_calls",
    "Calls to a provider by outcome: ok, or the trouble's class.",
    ("provider", "operation", "outcome"),
    registry=REGISTRY,
)
PROVIDER_CALL_SECONDS = Histogram(
    "holdfast_provider_call_seconds",
    "One call to a provider.",
    ("provider", "operation"),
    buckets=_SLOW,
    registry=REGISTRY,
)
PROVIDER_CIRCUIT = Gauge(
    "holdfast_provider_circuit_open",
    "1 while an account at a provider does not answer and is left alone.",
    ("provider", "account"),
    registry=REGISTRY,
)
WEBHOOK_SECRETS = Counter(
    "holdfast_webhook_verified",
    "Verified deliveries by the place of the secret in our list: 0 is the newest.",
    ("provider", "secret"),
    registry=REGISTRY,
)


def exposition() -> bytes:
    """Write all metrics of this process in Prometheus's text format (`CONTENT_TYPE`)."""
    return generate_latest(REGISTRY)


def sdk_runtime(bind_address: str | None, labels: Mapping[str, str] | None = None) -> Runtime:
    """Make the Temporal SDK's runtime, which serves its metrics at `host:port`, or nowhere without one.

    One per process. Durations are in seconds and counters end in `_total`, as ours do.
    """
    metrics = (
        PrometheusConfig(bind_address=bind_address, counters_total_suffix=True, durations_as_seconds=True)
        if bind_address
        else None
    )
    return Runtime(telemetry=TelemetryConfig(metrics=metrics, global_tags=dict(labels or {})))
