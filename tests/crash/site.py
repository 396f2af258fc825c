"""The product on real processes, with a cutting proxy on every link: what dies is started again, as a
platform would.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from db.roles import make_roles
from devtools.health import is_well
from devtools.paths import ROOT
from devtools.ports import any_free
from devtools.postgres import Postgres, temporary_home
from devtools.process import Process, Program
from devtools.temporal import QUICK_TIMERS, Temporal
from tests.crash import judge
from tests.crash.buyer import PATIENCE_SECONDS, Patient
from tests.crash.proxy import Cuts, Proxy
from tests.crash.story import Ended
from tests.crash.wire import Dialect, Grpc, Http, Postgres as PostgresWire
from tests.support.configuration import settings_of
from tests.support.database import Cluster, Urls, connected, migrate
from tests.support.fault import Faults
from tests.support.sandbox import Account
from tests.support.stack import Stack
from tests.support.temporal import connect
from tests.support.wait import eventually

API, WORKER, TEMPORAL, POSTGRES, SANDBOX = "api", "worker", "temporal", "postgres", "sandbox"
RELIEF = "relief"  # a worker beside the worker

BUYER_API, PROVIDER_API = "buyer>api", "provider>api"
API_POSTGRES, WORKER_POSTGRES = "api>postgres", "worker>postgres"
API_TEMPORAL, WORKER_TEMPORAL = "api>temporal", "worker>temporal"
WORKER_SANDBOX = "worker>sandbox"

DATABASE = "holdfast"
# A provider tries for days; here an API that is away for some minutes is found again soon.
RETRIES = ",".join(["0.2", "0.4", "1", *["2"] * 200])
LOOK_EVERY_SECONDS, ASK_EVERY_SECONDS = 0.02, 0.1


@dataclass
class Keeper:
    """Keeps processes running: one that ends is started again until told to stop.

    They are started by one thread that lives as long as they do: on Linux a process ends with the thread that
    began it.
    """

    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    kept: dict[str, Process] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)  # these are not started again for now

    @contextlib.asynccontextmanager
    async def keeping(
        self, process: Process, before: Callable[[], object] = lambda: None
    ) -> AsyncIterator[None]:
        """Keep a process running meanwhile; `before` is done before each start."""
        await self._start(process, before)
        self.kept[process.program.name] = process
        task = asyncio.create_task(self._again(process, before))
        try:
            await self.well(process.program.name)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            del self.kept[process.program.name]
            await self._do(process.stop)

    def kill(self, name: str) -> None:
        """End a process at once, as a power cut would."""
        self.signal(name, signal.SIGKILL)

    async def kill_all(self, names: Sequence[str]) -> None:
        """End all of these at once, and start them again one after the other in this order."""
        self.down.update(names)
        for name in names:
            self.kill(name)
        for name in names:
            await eventually(partial(self._has_ended, name), what=f"the end of {name}")
        for name in names:
            self.down.discard(name)
            await self.runs(name)

    async def runs(self, name: str) -> None:
        """Return when this has been started (again), whether it serves already or not."""
        await eventually(partial(self._lives, name), what=name)

    async def _has_ended(self, name: str) -> bool:
        return not await self._lives(name)

    async def _lives(self, name: str) -> bool:
        return self.kept[name].ended() is None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal, if it runs."""
        process = self.kept[name]
        if process.ended() is None:
            os.kill(process.pid, number)

    async def well(self, *names: str) -> None:
        """Return when these (all, when none is named) run and serve."""
        for name in names or self.kept:
            await self._serves(self.kept[name])

    async def _serves(self, process: Process) -> None:
        try:
            await eventually(lambda: self._do(process.is_ready), every=ASK_EVERY_SECONDS)
        except AssertionError:
            raise AssertionError(f"{process.program.name} does not serve. {process.last_lines()}") from None

    async def _start(self, process: Process, before: Callable[[], object]) -> None:
        await self._do(before)
        await self._do(process.start)

    async def _again(self, process: Process, before: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            if process.ended() is not None and process.program.name not in self.down:
                await self._start(process, before)

    async def _do(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)


@dataclass
class Site:
    """A running product: its processes, the blows on order, and the stack as its buyers and its judge see
    it.
    """

    keeper: Keeper
    cuts: Cuts
    stack: Stack
    buyer: Patient
    urls: Urls
    links: "Links"
    worker_beside: Callable[[], Process]

    async def verdict(self, bookings: Ended) -> list[str]:
        """Wait until all is well and at rest, and list what is wrong then. The judge's connection is new: no
        blow has hit it.
        """
        await self.keeper.well()
        connection = await asyncpg.connect(self.urls.admin)
        try:
            stack = replace(self.stack, judge=connection)
            return await judge.at_rest(stack) + await judge.broken(stack, self.buyer, bookings)
        finally:
            await connection.close()


class Links:
    """The proxies of a site, by the name of their link."""

    def __init__(self, ports: dict[str, int], cuts: Cuts) -> None:
        def link(name: str, to: str, speaks: Callable[[], Dialect]) -> Proxy:
            return Proxy(name, ports[to], speaks, cuts)

        self.all = {
            each.link: each
            for each in (
                link(BUYER_API, API, Http),
                link(PROVIDER_API, API, Http),
                link(API_POSTGRES, POSTGRES, PostgresWire),
                link(WORKER_POSTGRES, POSTGRES, PostgresWire),
                link(API_TEMPORAL, TEMPORAL, Grpc),
                link(WORKER_TEMPORAL, TEMPORAL, Grpc),
                link(WORKER_SANDBOX, SANDBOX, Http),
            )
        }

    def address(self, link: str) -> str:
        """Give where a link begins, as host and port."""
        return f"127.0.0.1:{self.all[link].port}"

    def through(self, link: str, url: str) -> str:
        """Lead an address over a link; a database's without TLS, for the proxy reads along."""
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        query = "sslmode=disable" if parts.scheme.startswith("postgres") else parts.query
        return urlunsplit(parts._replace(netloc=f"{login}{at}{self.address(link)}", query=query))


@contextlib.asynccontextmanager
async def site(seed: int) -> AsyncIterator[Site]:
    """Run a product of its own, on free ports; gone afterwards."""
    folder = temporary_home()
    ports = {name: any_free() for name in (API, TEMPORAL, POSTGRES, SANDBOX)}
    keeper, cuts = Keeper(), Cuts()
    links = Links(ports, cuts)
    async with contextlib.AsyncExitStack() as running:
        running.callback(shutil.rmtree, folder, ignore_errors=True)
        running.callback(keeper.thread.shutdown)
        for proxy in links.all.values():
            await running.enter_async_context(proxy.serving())
        urls = await running.enter_async_context(_servers(keeper, ports, folder, seed))
        stack, buyer = await running.enter_async_context(_outside(urls, ports, links))
        environment = _environment(stack, links, WORKER_POSTGRES, WORKER_TEMPORAL)
        worker = partial(_worker, folder=folder, environment=environment)
        api = _api(ports[API], folder, _environment(stack, links, API_POSTGRES, API_TEMPORAL))
        for process in (api, worker(WORKER)):
            await running.enter_async_context(keeper.keeping(process))
        yield Site(keeper, cuts, stack, buyer, urls, links, partial(worker, RELIEF))


@contextlib.asynccontextmanager
async def _servers(keeper: Keeper, ports: dict[str, int], folder: Path, seed: int) -> AsyncIterator[Urls]:
    """Run what the product needs; gives the addresses of its migrated database."""
    postgres = Postgres(folder / "postgres", port=ports[POSTGRES])
    temporal = Temporal(
        log=folder / "temporal.log",
        port=ports[TEMPORAL],
        http_port=any_free(),
        database=folder / "temporal.db",
        dynamic=QUICK_TIMERS,
    )
    async with (
        keeper.keeping(postgres.process, before=postgres.make),
        keeper.keeping(temporal.process),
        keeper.keeping(_sandbox(ports[SANDBOX], folder, seed)),
    ):
        yield await _database(postgres)


@contextlib.asynccontextmanager
async def _outside(urls: Urls, ports: dict[str, int], links: "Links") -> AsyncIterator[tuple[Stack, Patient]]:
    """Give the stack as buyers and judge see it: they reach the API over its link, all else directly."""
    temporal_address = f"127.0.0.1:{ports[TEMPORAL]}"
    api_url = f"http://{links.address(BUYER_API)}"
    async with Patient(api_url) as buyer, connected(urls) as databases:
        account = Account(f"http://127.0.0.1:{ports[SANDBOX]}", buyer)
        secret = await account.register(f"http://{links.address(PROVIDER_API)}/api/v1/webhooks/stripe")
        judge = await asyncpg.connect(urls.admin)
        try:
            yield (
                Stack(
                    settings=settings_of(urls, temporal_address, account, api_url, secret),
                    databases=databases,
                    http=buyer,
                    judge=judge,
                    sandbox=account,
                    temporal=await connect(temporal_address),
                    faults=Faults(),
                    patience_seconds=2 * PATIENCE_SECONDS,  # a buyer's own ends first, and says why
                ),
                buyer,
            )
        finally:
            await judge.close()


async def _database(server: Postgres) -> Urls:
    """Make the roles and the migrated database."""
    cluster = Cluster(server)
    await make_roles(server.url(), cluster.roles(DATABASE))
    urls = cluster.urls(DATABASE)
    await asyncio.to_thread(migrate, urls)
    return urls


def _environment(stack: Stack, links: Links, postgres: str, temporal: str) -> dict[str, str]:
    """Write the settings of a process that reaches everything over its links, by as many connections to the
    database as it has unless it is told otherwise.
    """
    given = {name: value for name, value in stack.environment.items() if name != "DATABASE_POOL_SIZE"}
    for name, value in given.items():
        if name.startswith("DATABASE_") and name.endswith("URL"):
            given[name] = links.through(postgres, value)
        elif name.endswith("_API_BASE"):
            given[name] = links.through(WORKER_SANDBOX, value)
    return {**given, "TEMPORAL_ADDRESS": links.address(temporal)}


def _sandbox(port: int, folder: Path, seed: int) -> Process:
    words = ["-m", "sandbox", "--port", str(port), "--seed", str(seed), "--webhook-retries", RETRIES]
    files = ["--database", str(folder / "books.sqlite3")]
    return _python(SANDBOX, [*words, *files], folder, f"http://127.0.0.1:{port}/_sandbox/health", {})


def _api(port: int, folder: Path, environment: dict[str, str]) -> Process:
    words = ["-m", "uvicorn", "api.app:app", "--port", str(port), "--no-access-log"]
    return _python(API, words, folder, f"http://127.0.0.1:{port}/health/ready", environment)


def _worker(name: str, folder: Path, environment: dict[str, str]) -> Process:
    port = any_free()
    ports = {"WORKER_METRICS_PORT": str(any_free()), "WORKER_HEALTH_PORT": str(port)}
    health = f"http://127.0.0.1:{port}/health/ready"
    return _python(name, ["worker.py"], folder, health, {**environment, **ports})


def _python(name: str, words: list[str], folder: Path, health: str, environment: dict[str, str]) -> Process:
    return Process(
        Program(
            name=name,
            command=[sys.executable, *words],
            log=folder / f"{name}.log",
            ready=lambda _pid: is_well(health),
            environment={"PATH": os.environ["PATH"], **environment},
            cwd=ROOT,
        )
    )
