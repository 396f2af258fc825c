"""One trace from a request to the provider's door, through a real Temporal server."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from observability import metrics
from observability.call import outgoing
from observability.trace import StatementWatch, of_sagas, provider_of, set_up
from tests.observability.errand import ErrandWorkflow


class Collector(SpanProcessor):
    """Keeps the spans that end while somebody listens."""

    def __init__(self) -> None:
        self.kept: list[ReadableSpan] | None = None

    def on_end(self, span: ReadableSpan) -> None:
        if self.kept is not None:
            self.kept.append(span)

    @contextmanager
    def listening(self) -> Iterator[list[ReadableSpan]]:
        self.kept = []
        yield self.kept
        self.kept = None


@pytest.fixture(scope="session")
def collector() -> Collector:
    """Record spans in this process; there can be one provider only, so it stays."""
    collected = Collector()
    provider = TracerProvider()
    provider.add_span_processor(collected)
    trace.set_tracer_provider(provider)
    assert trace.get_tracer_provider() is provider
    return collected


@activity.defn
async def fetch_it(errand: str) -> str:
    with outgoing("stripe", "fetch"):
        return f"{errand} done"


def chain(spans: Sequence[ReadableSpan], last: str) -> list[str]:
    """Give the names from the first span down to `last`."""
    by_id = {span.context.span_id: span for span in spans if span.context}
    at: ReadableSpan | None = next(span for span in spans if span.name == last)
    names = list[str]()
    while at is not None:
        names.append(at.name)
        at = by_id.get(at.parent.span_id) if at.parent else None
    return names[::-1]


async def test_one_trace_leads_from_the_request_to_the_provider(
    temporal_address: str, collector: Collector
) -> None:
    client = await Client.connect(
        temporal_address, data_converter=pydantic_data_converter, interceptors=[TracingInterceptor()]
    )
    queue, app = f"errands-{uuid4()}", FastAPI(telemetry={"metrics": False, "logs": False})

    @app.post("/errands/{errand}")
    async def run(errand: str) -> str:
        return await client.execute_workflow(
            ErrandWorkflow.run, errand, id=f"errand:{uuid4()}", task_queue=queue
        )

    asking = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://api")
    with collector.listening() as spans:
        async with (
            Worker(client, task_queue=queue, workflows=[ErrandWorkflow], activities=[fetch_it]),
            asking,
        ):
            traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
            answer = await asking.post("/errands/milk", headers={"traceparent": traceparent})

    assert answer.json() == "milk done"
    names = chain(spans, "stripe fetch")
    assert names == [
        "POST /errands/{errand}",
        "fastapi.endpoint",
        "StartWorkflow:ErrandWorkflow",
        "StartActivity:fetch_it",
        "RunActivity:fetch_it",
        "stripe fetch",
    ]
    of_request = [span for span in spans if span.context and span.context.trace_id == int("a" * 32, 16)]
    assert {span.name for span in of_request} >= set(names), "the caller's trace goes on"


async def test_a_failed_call_is_marked_without_its_words(collector: Collector) -> None:
    before = _calls("TimeoutError")

    with collector.listening() as spans, pytest.raises(TimeoutError), outgoing("stripe", "refund"):
        raise TimeoutError("the card of Joe Miller")

    (span,) = spans
    assert (span.status.is_ok, span.attributes and span.attributes["error.type"]) == (False, "TimeoutError")
    assert "Joe" not in span.to_json()
    assert _calls("TimeoutError") == before + 1


def _calls(outcome: str) -> float:
    labels = {"provider": "stripe", "operation": "refund", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("holdfast_provider_calls_total", labels) or 0.0


@pytest.mark.parametrize(
    ("query", "verb"),
    [
        ("select 1", "select"),
        ("\n  UPDATE counters\nset held = 1", "update"),
        ("begin; set local app.tenant_id = '…'", "begin"),
        ("", "other"),
        ("-- a remark", "other"),
    ],
)
def test_a_statement_is_measured_by_its_first_word_only(collector: Collector, query: str, verb: str) -> None:
    watch, labels = StatementWatch("app"), {"role": "app", "verb": verb}
    before = metrics.REGISTRY.get_sample_value("holdfast_db_statement_seconds_count", labels) or 0.0

    with collector.listening() as spans, trace.get_tracer("test").start_as_current_span("request"):
        watch(SimpleNamespace(query=query, args=("joe@example.com",), elapsed=0.25, exception=None))

    assert metrics.REGISTRY.get_sample_value("holdfast_db_statement_seconds_count", labels) == before + 1
    statement, request = spans
    assert statement.name == f"postgresql {verb}"
    assert statement.parent == request.context
    assert "joe" not in statement.to_json()


def test_without_a_collector_nothing_is_traced() -> None:
    before = trace.get_tracer_provider()

    assert set_up("api", environment="test", endpoint="") is None
    assert trace.get_tracer_provider() is before
    assert of_sagas("") == []


async def test_spans_go_to_the_collector_that_was_named() -> None:
    paths: list[str] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            pass

    server = HTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    provider = provider_of("api", environment="test", endpoint=f"http://127.0.0.1:{server.server_port}/")

    provider.get_tracer("test").start_span("request").end()
    await asyncio.to_thread(provider.shutdown)
    server.shutdown()
    server.server_close()

    assert paths == ["/v1/traces"]
