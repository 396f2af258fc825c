"""Traces: one booking from request to run to step to provider, passed on in W3C form (traceparent).

Temporal's part is its own `TracingInterceptor`, given to the client; the client's workers inherit it. Where
there is nobody to send spans to, none are made: they are not for nothing.
"""

import re
from functools import cache, lru_cache
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import Histogram
from temporalio.contrib.opentelemetry import TracingInterceptor

from observability.metrics import STATEMENT_SECONDS

_database = trace.get_tracer("holdfast.db")
_WORD = re.compile(r"\s*([A-Za-z]{2,12})\b")


def set_up(service: str, *, environment: str, endpoint: str = "") -> TracerProvider | None:
    """Trace this process, once, if there is an `endpoint`; whoever calls shuts the provider down, which sends
    what is left.
    """
    if not endpoint:
        return None
    provider = provider_of(service, environment=environment, endpoint=endpoint)
    trace.set_tracer_provider(provider)
    return provider


def provider_of(service: str, *, environment: str, endpoint: str, ratio: float = 1.0) -> TracerProvider:
    """Make a tracer provider.

    `endpoint` is the base address of an OTLP/HTTP collector. `ratio` of the traces that begin here are
    sampled; a trace that began elsewhere is continued as it was.
    """
    resource = Resource.create({"service.name": service, "deployment.environment.name": environment})
    provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def of_sagas(endpoint: str) -> list[TracingInterceptor]:
    """Give what traces a client of Temporal and its workers, if there is an `endpoint`."""
    return [TracingInterceptor()] if endpoint else []


class StatementWatch:
    """Measures every statement of a connection: `Database.connect(…, on_query=StatementWatch("app"))`.

    Of a statement only its first word is told: its text is long, and its values may be somebody's. Cost: some
    microseconds, after the answer.
    """

    def __init__(self, role: str) -> None:
        self._role = role

    def __call__(self, record: Any) -> None:
        """Take a `db.session.Statement`; runs in the context that asked."""
        verb = _verb(record.query)
        _seconds(self._role, verb).observe(record.elapsed)
        if trace.get_current_span().is_recording():
            self._span(record, verb)

    def _span(self, record: Any, verb: str) -> None:
        end = time_ns()
        span = _database.start_span(
            f"postgresql {verb}",
            kind=SpanKind.CLIENT,
            start_time=end - int(record.elapsed * 1e9),
            attributes={"db.system.name": "postgresql", "db.operation.name": verb, "db.user": self._role},
        )
        if record.exception is not None:
            span.set_attribute("error.type", type(record.exception).__name__)
            span.set_status(StatusCode.ERROR)
        span.end(end)


@cache
def _seconds(role: str, verb: str) -> Histogram:
    """Give the histogram of a role's statements of a kind: looking it up takes longer than observing."""
    return STATEMENT_SECONDS.labels(role, verb)


@lru_cache(1_000)
def _verb(statement: str) -> str:
    """Give a statement's first word. Texts are few, but for what begins and ends a tenant's transactions."""
    first = _WORD.match(statement)
    return first.group(1).lower() if first else "other"
