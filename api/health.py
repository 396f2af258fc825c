"""Whether the process lives, can work, and what it has counted: for load balancers and monitors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog
from fastapi import APIRouter, Response

from api.body import StrictRoute
from api.deps import OPEN, Parts
from api.shape import Answer
from observability.metrics import CONTENT_TYPE, exposition

log = structlog.get_logger(__name__)

# A load balancer asks every few seconds and gives up soon.
CHECK_SECONDS = 2.0

router = APIRouter(route_class=StrictRoute, tags=["operations"], dependencies=[OPEN])


class Live(Answer):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(Answer):
    """Whether everything the process needs answers; `checks` says what does not."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Literal["ok", "away"]]


@router.get("/health/live")
async def live() -> Live:
    """Say that the process lives; nothing else is asked."""
    return Live()


@router.get("/health/ready", responses={503: {"model": Ready, "description": "Something is away"}})
async def ready(parts: Parts, response: Response) -> Ready:
    """Say whether the database and the workflow service answer: 200, or 503 naming what is away."""
    answers = await asyncio.gather(*map(_answers, parts.probes.values()))
    checks = dict(zip(parts.probes, answers, strict=True))
    all_well = all(answers)
    response.status_code = 200 if all_well else 503
    return Ready(
        status="ready" if all_well else "not ready",
        checks={name: "ok" if well else "away" for name, well in checks.items()},
    )


@router.get("/metrics", response_class=Response, include_in_schema=False)
async def metrics() -> Response:
    """Give this process's metrics in the text format of Prometheus."""
    return Response(exposition(), headers={"Content-Type": CONTENT_TYPE})


async def _answers(probe: Callable[[], Awaitable[object]]) -> bool:
    try:
        await asyncio.wait_for(probe(), CHECK_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever it is, we cannot work now
        log.warning("a check failed", error=type(error).__name__)
        return False
    return True
