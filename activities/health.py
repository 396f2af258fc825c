"""How a worker tells that it lives, that it can work, and what it has done: a small server on loopback or in
the cluster, for supervisors and Prometheus.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from observability.metrics import CONTENT_TYPE, exposition

# One check may take this long; a supervisor asks again soon enough.
CHECK_SECONDS = 2

Check = Callable[[], Awaitable[object]]
Detail = Callable[[], object]


@asynccontextmanager
async def told_on(
    host: str, port: int, checks: Mapping[str, Check], details: Mapping[str, Detail]
) -> AsyncIterator[None]:
    """Serve `/health/live`, `/health/ready` and `/metrics` meanwhile; ready is who passes all `checks`.

    A check passes by returning. `details` are told beside them and change nothing.
    """
    app = web.Application()
    app.router.add_get("/health/live", _live)
    app.router.add_get("/health/ready", lambda _request: _ready(checks, details))
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"status": "live"})


async def _ready(checks: Mapping[str, Check], details: Mapping[str, Detail]) -> web.Response:
    passed = await asyncio.gather(*(_passes(check) for check in checks.values()))
    state = {name: "ok" if well else "away" for name, well in zip(checks, passed, strict=True)}
    ready = all(passed)
    told = {"status": "ready" if ready else "not ready", "checks": state}
    return web.json_response(
        {**told, **{name: tell() for name, tell in details.items()}}, status=200 if ready else 503
    )


async def _passes(check: Check) -> bool:
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except Exception:  # noqa: BLE001 - whatever it is, we cannot work now
        return False
    return True


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE})
