"""One call to somebody outside, seen: a client span, its duration, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from observability.metrics import PROVIDER_CALL_SECONDS, PROVIDER_CALLS

_tracer = trace.get_tracer("holdfast.providers")


@contextmanager
def outgoing(provider: str, operation: str) -> Iterator[None]:
    """Measure what is done inside as one call; an exception's class is its outcome, its text is not kept."""
    began, outcome = perf_counter(), "ok"
    with _tracer.start_as_current_span(
        f"{provider} {operation}",
        kind=SpanKind.CLIENT,
        attributes={"peer.service": provider, "holdfast.operation": operation},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            outcome = type(error).__name__
            span.set_attribute("error.type", outcome)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            PROVIDER_CALLS.labels(provider, operation, outcome).inc()
            PROVIDER_CALL_SECONDS.labels(provider, operation).observe(perf_counter() - began)
