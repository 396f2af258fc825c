"""One call to somebody outside, seen: a client span, its duration, and how it ended."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from time import perf_counter

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import Counter, Histogram

from observability.metrics import PROVIDER_CALL_SECONDS, PROVIDER_CALLS

_tracer = trace.get_tracer("holdfast.providers")


@contextmanager
def outgoing(provider: str, operation: str) -> Iterator[None]:
    """Measure what is done inside as one call; an exception's class is its outcome, its text is not kept."""
    began, outcome = perf_counter(), "ok"
    span = _tracer.start_span(
        f"{provider} {operation}",
        kind=SpanKind.CLIENT,
        attributes={"peer.service": provider, "holdfast.operation": operation},
    )
    with _current(span) if span.is_recording() else nullcontext():
        try:
            yield
        except BaseException as error:
            outcome = type(error).__name__
            span.set_attribute("error.type", outcome)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            calls, took = _measured(provider, operation, outcome)
            calls.inc()
            took.observe(perf_counter() - began)


def _current(span: trace.Span) -> AbstractContextManager[trace.Span]:
    return trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False)


@cache
def _measured(provider: str, operation: str, outcome: str) -> tuple[Counter, Histogram]:
    """Give what counts calls, and what measures them: looking them up takes longer than that."""
    calls = PROVIDER_CALLS.labels(provider, operation, outcome)
    return calls, PROVIDER_CALL_SECONDS.labels(provider, operation)
