"""`.holdfast/env`: what it holds, who may read it, and how ports are chosen."""

import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
from dotenv import dotenv_values

from devtools import choice, dotenv
from devtools.choice import Choice, choose
from devtools.paths import ROOT
from devtools.ports import any_free, free_from
from devtools.say import Trouble
from settings import Settings

AWKWARD = {
    "PLAIN": "postgresql://a:b@127.0.0.1:5432/c?d=e&f=%20",
    "EMPTY": "",
    "LINES": "-----BEGIN KEY-----\nabc\n-----END KEY-----\n",
    "SPACES": " a b ",
    "QUOTES": 'it\'s "so"',
    "BACKSLASH": "a\\nb\\",
    "UMLAUT": "schön",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file a place of its own."""
    monkeypatch.setattr(choice, "FILE", tmp_path / "env")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # claims of ports are nobody's but ours
    for name in (*choice.PORTS, *choice.ROLES, "POSTGRES_URL", "TEMPORAL_ADDRESS", "HOLDFAST_ENV"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "env"


@pytest.fixture
def taken() -> Iterator[int]:
    """Take a port."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_what_is_written_is_read_again(file: Path) -> None:
    dotenv.write(file, AWKWARD, heading="two\nlines")

    assert dotenv.read(file) == AWKWARD
    assert dotenv_values(file, interpolate=False) == AWKWARD


def test_a_shell_reads_the_same_but_for_line_ends(file: Path) -> None:
    values = {name: value for name, value in AWKWARD.items() if "\n" not in value and "\\" not in value}
    dotenv.write(file, values, heading="")
    script = f'set -a; . "{file}"; env -0'

    told = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout  # noqa: S603

    loaded = dict(line.split("=", 1) for line in told.split("\0") if line)
    assert {name: loaded[name] for name in values} == values


def test_nobody_else_may_read_it(file: Path) -> None:
    dotenv.write(file, AWKWARD, heading="")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.row("DEP-10")
def test_the_settings_of_a_checkout_are_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = choose()
    chosen.values["STRIPE_WEBHOOK_SECRET"] = "whsec_of_the_sandbox"  # noqa: S105 comes with the registration
    for name, value in chosen.values.items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert settings.holdfast_env == "development"
    assert settings.stripe_api_base == f"{chosen.values['SANDBOX_URL']}/stripe"
    assert {name.upper() for name in Settings.model_fields} <= chosen.values.keys()


def test_secrets_and_ports_are_kept_over_restarts(file: Path) -> None:
    first = choose()
    first.save()

    second = choose()

    assert second.values == first.values


def test_stacks_that_start_at_the_same_moment_choose_different_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A free port is claimed though nobody listens on it yet, and let go by whoever dies."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    start = any_free()
    program = f"from devtools.ports import free_from; print(free_from({start}, set())); input()"
    with ExitStack() as stacks:
        chosen = [stacks.enter_context(one_that_chooses(program)) for _ in range(3)]

    assert len({*chosen}) == len(chosen)
    assert free_from(min(chosen), set()) == min(chosen)


@contextmanager
def one_that_chooses(program: str) -> Iterator[int]:
    """Run a process that chooses a port and is killed; gives the port."""
    command = [sys.executable, "-u", "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def test_two_checkouts_have_different_secrets(file: Path) -> None:
    one, other = choose(), choose()

    for name in ("STRIPE_SECRET_KEY", "JWT_PRIVATE_KEY", "BOOKING_TOKEN_SECRET", "DATABASE_APP_URL"):
        assert one.values[name] != other.values[name]


def test_a_default_port_that_is_taken_moves_on(
    file: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(choice.PORTS, "API_PORT", taken)

    assert Choice().port("API_PORT") > taken


def test_a_port_that_was_set_and_is_taken_is_refused_by_name(
    file: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_PORT", str(taken))

    with pytest.raises(Trouble, match=f"Port {taken} is taken: .*API_PORT"):
        Choice().port("API_PORT")


def test_a_port_that_was_set_is_refused_though_it_is_also_that_of_last_time(
    file: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv.write(file, {"API_PORT": str(taken), choice.GIVEN: ""}, heading="")
    monkeypatch.delenv(choice.GIVEN, raising=False)
    monkeypatch.setenv("API_PORT", str(taken))

    with pytest.raises(Trouble, match=f"Port {taken} is taken"):
        Choice().port("API_PORT")


@pytest.mark.parametrize("nonsense", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(file: Path, nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", nonsense)

    with pytest.raises(Trouble, match="API_PORT"):
        Choice().port("API_PORT")


def test_what_the_caller_sets_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLD_SECONDS", "77")
    monkeypatch.setenv("API_PORT", str(port := any_free()))

    chosen = choose()

    assert chosen.values["HOLD_SECONDS"] == "77"
    assert chosen.values["API_URL"] == f"http://127.0.0.1:{port}"


def test_a_database_that_is_given_is_used(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:word@db.example:6543/shop")

    chosen = choose()

    chosen.save()

    assert not choice.own_database(chosen)
    assert not choice.own_database(choose())  # the second time too
    assert chosen.values["DATABASE_URL"] == "postgresql://owner:word@db.example:6543/shop"
    assert chosen.values["DATABASE_APP_URL"].endswith("@db.example:6543/shop")


def test_a_shell_that_has_loaded_the_file_still_starts_the_same_stack(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = choose()
    first.save()
    for name, value in first.values.items():
        monkeypatch.setenv(name, value.replace("\n", "\\n"))  # as a shell reads it

    second = choose()

    assert choice.own_database(second)
    assert choice.own_temporal(second)
    assert second.values == first.values
