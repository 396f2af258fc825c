"""The metrics' names are a contract with whoever watches: each is documented, and none counts people."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from temporalio.client import Client

from devtools.ports import any_free
from observability import metrics
from tests.support.wait import PATIENCE_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
FAMILIES = [family for family in metrics.REGISTRY.collect() if family.name.startswith("holdfast_")]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_metric_is_documented_under_its_name(family: object) -> None:
    name = family.name + ("_total" if family.type == "counter" else "")  # type: ignore[attr-defined]

    assert f"`{name}`" in PAGE


def test_no_label_could_hold_a_person_or_an_id() -> None:
    labels = {label for family in metrics.REGISTRY._names_to_collectors.values() for label in _labels(family)}

    assert labels <= {
        *("method", "route", "status", "provider", "outcome", "name", "kind", "reason", "role", "verb"),
        *("operation", "secret", "cause", "account"),
    }


def _labels(collector: object) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(collector, "_labelnames", ())
    return names


def test_the_exposition_is_prometheus_text() -> None:
    metrics.RELAY_TOLD.labels("booking").inc()

    text = metrics.exposition().decode()

    assert 'holdfast_relay_told_total{kind="booking"}' in text
    assert "process_cpu_seconds_total" in text


async def test_the_engines_own_metrics_are_served_where_asked(temporal_address: str) -> None:
    port = any_free()
    runtime = metrics.sdk_runtime(f"127.0.0.1:{port}", {"service": "worker"})
    client = await Client.connect(temporal_address, runtime=runtime)

    async with httpx2.AsyncClient() as http:
        await asyncio.wait_for(client.service_client.check_health(), PATIENCE_SECONDS)
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text

    assert "temporal_request_total" in text
    assert 'service="worker"' in text
