"""`./dev up`: the whole stack, each process once those it needs serve, kept running until asked to stop."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from devtools import choice as choosing, record, webhook
from devtools.health import is_well
from devtools.paths import LOGS, ROOT, STATE, VENV_PYTHON, state_for_servers
from devtools.postgres import Postgres
from devtools.process import Program, tail
from devtools.say import Trouble, say, step
from devtools.status import say_where
from devtools.supervisor import StopAsked, Supervisor
from devtools.temporal import Temporal
from devtools.venv import ensure

DEMO = STATE / "demo.json"


def up(*, demo: bool, detached: bool) -> None:
    """Bring the stack up, tell the story of a booking if `demo`, stay until asked to stop.

    `detached`: nobody sits before it who could press Ctrl-C; see `detach`.
    """
    with alone():
        begun_anew()
        ensure("local")
        try:
            with Supervisor() as supervisor:
                stack = Stack(supervisor)
                stack.bring_up()
                if demo:
                    stack.tell("paid")
                stack.point_the_way(detached=detached)
                supervisor.ready()
                supervisor.watch()
        except StopAsked:
            say("Stopped.")


@contextmanager
def alone() -> Iterator[None]:
    """Hold this checkout's lock; Trouble when another `./dev up` has it. The system frees it when we die."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(
                "The stack of this checkout is up already: see `./dev status`, or `./dev down`."
            ) from None
        yield


def begun_anew() -> None:
    """End what an earlier `up` left behind when it was killed itself."""
    left = [entry for entry in reversed(record.read().entries) if entry.lives()]
    if left:
        with step("ending what was left running: " + ", ".join(entry.name for entry in left)):
            record.end(left)
    record.forget()


class Stack:
    """The processes and one-off jobs of the stack, in their order."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.choice = choosing.choose()
        self.admin_url = ""

    def bring_up(self) -> None:
        """Start everything; returns when all of it serves. What needs nothing of another starts together."""
        with step("PostgreSQL, Temporal and the sandbox"):
            self.postgres()
            self.temporal()
            self.sandbox()
            self.choice.save()  # from here on others can find what is there
            self.supervisor.wait()
        with step("database roles, migrations, demo catalogue"):
            self.roles()
            self.run("migrate", "-m", "alembic", "upgrade", "head")
            DEMO.write_text(json.dumps(json.loads(self.run("demo", "-m", "db.demo"))))
        webhook.register(self.choice)
        self.choice.save()
        with step("API and worker"):
            self.api()
            self.worker()
            self.supervisor.wait()

    def roles(self) -> None:
        """Make the database and its roles; of a server that we were given that needs somebody who may."""
        try:
            self.run("roles", "-m", "db.roles", DATABASE_ADMIN_URL=self.admin_url)
        except Trouble as trouble:
            if choosing.own_database(self.choice):
                raise
            who = (
                "DATABASE_ADMIN_URL, else DATABASE_URL, names a database that is there and who may make roles"
            )
            raise Trouble(f"{trouble}\n  {who}.") from None

    def postgres(self) -> None:
        """Start PostgreSQL, unless DATABASE_URL names one."""
        if not choosing.own_database(self.choice):
            self.admin_url = os.environ.get("DATABASE_ADMIN_URL") or self.choice.values["DATABASE_URL"]
            place = self.choice.values["DATABASE_URL"].rpartition("@")[2].partition("/")[0]
            self.supervisor.note("postgres", pid=0, url=f"postgresql://{place}", health=f"tcp://{place}")
            return
        port = int(self.choice.values["POSTGRES_PORT"])
        server = Postgres(state_for_servers() / "postgres", port=port, log=LOGS / "postgres.log")
        server.make()
        self.supervisor.start(server.program(), health=f"tcp://127.0.0.1:{port}")
        self.admin_url = server.url()

    def temporal(self) -> None:
        """Start the Temporal server, unless TEMPORAL_ADDRESS names one."""
        at = self.choice.values
        if not choosing.own_temporal(self.choice):
            address = at["TEMPORAL_ADDRESS"]
            if not is_well(f"tcp://{address}"):
                raise Trouble(
                    f"No Temporal server answers at TEMPORAL_ADDRESS={address}: start it, or unset it."
                )
            self.supervisor.note("temporal", pid=0, url=address, health=f"tcp://{address}")
            return
        server = Temporal(
            port=int(at["TEMPORAL_PORT"]),
            ui_port=int(at["TEMPORAL_UI_PORT"]),
            http_port=int(at["TEMPORAL_HTTP_PORT"]),
            database=STATE / "temporal.db",
            log=LOGS / "temporal.log",
            codec=f"{at['API_URL']}/api/v1/codec/{at['CODEC_TICKET']}",
        )
        self.supervisor.start(server.program(), health=server.health)

    def sandbox(self) -> None:
        """Start the stand-in for the providers."""
        at = self.choice.values
        files = ("--database", at["SANDBOX_DATABASE"], "--seed", at["SANDBOX_SEED"])
        ports = ("--port", at["SANDBOX_PORT"], "--smtp-port", at["SANDBOX_SMTP_PORT"])
        words = ("-m", "sandbox", *ports, *files)
        self.product("sandbox", *words, url=at["SANDBOX_URL"], health=f"{at['SANDBOX_URL']}/_sandbox/health")

    def api(self) -> None:
        """Start the front door."""
        at = self.choice.values
        where = ("--host", at["API_HOST"], "--port", at["API_PORT"], "--timeout-graceful-shutdown", "5")
        app = ("api.app:app", "--http", "api.protocol:PunctualProtocol")
        words = ("-m", "uvicorn", *app, *where, "--no-access-log", "--no-proxy-headers")
        self.product(
            "api", *words, url=at["API_URL"], health=f"http://127.0.0.1:{at['API_PORT']}/health/ready"
        )

    def worker(self) -> None:
        """Start the Temporal workers and the relay."""
        url = f"http://127.0.0.1:{self.choice.values['WORKER_HEALTH_PORT']}"
        self.product("worker", "worker.py", url=url, health=f"{url}/health/ready")

    def product(self, name: str, *words: str, url: str, health: str) -> None:
        """Start one of our own programs by .venv's python."""
        program = Program(
            name=name,
            command=[VENV_PYTHON, *words],
            cwd=ROOT,
            environment=self.choice.environment(),
            log=LOGS / f"{name}.log",
            url=url,
            ready=lambda _pid: is_well(health),
            ready_seconds=120,
        )
        self.supervisor.start(program, health=health)

    def run(self, name: str, *words: str, **more: str) -> str:
        """Run a job that ends, and answer what it printed; Trouble with its last lines when it fails."""
        log = LOGS / f"{name}.log"
        with log.open("ab") as errors:
            done = subprocess.run(
                [VENV_PYTHON, *words], cwd=ROOT, env=self.choice.environment(**more), stdout=subprocess.PIPE,
                stderr=errors, check=False,
            )  # fmt: skip
        if done.returncode:
            lines = "\n".join(f"    {line}" for line in tail(log))
            raise Trouble(f"{name} failed with status {done.returncode}. Last lines of {log}:\n{lines}")
        return done.stdout.decode()

    def tell(self, story: str) -> None:
        """Tell a story on the running stack; Trouble when it does not end as it should."""
        say()
        told = subprocess.run(
            [VENV_PYTHON, "-m", "devtools.stories", story],
            cwd=ROOT,
            env=self.choice.environment(),
            check=False,
        )
        if told.returncode:
            raise Trouble(f"The story '{story}' did not end as it should; `./dev logs` says more.")

    def point_the_way(self, *, detached: bool) -> None:
        """Say where everything is and, unless `detached`, what stops it."""
        say()
        say_where(self.choice.values)
        if not detached:
            say("\nReady. Ctrl-C here, or `./dev down` anywhere in this checkout, stops all of it in order.")
