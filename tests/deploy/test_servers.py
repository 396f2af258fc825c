"""PostgreSQL and Temporal as ./dev and the tests start them: found in their order, real, and crash-proof."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from devtools import paths, postgres, temporal
from devtools.ports import any_free
from devtools.postgres import Postgres
from devtools.say import Trouble
from devtools.temporal import Temporal


@pytest.fixture
def cluster() -> Iterator[Postgres]:
    """Give a cluster of its own, durable as in `./dev up`."""
    home = postgres.temporary_home()
    server = Postgres(home, port=any_free())
    yield server
    server.stop()
    shutil.rmtree(home)


def ask(server: Postgres, statement: str) -> object:
    """Ask a cluster one thing as its superuser."""

    async def asked() -> object:
        connection = await asyncpg.connect(server.url())
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(asked())


def test_postgres_keeps_what_was_committed_when_it_is_killed(cluster: Postgres) -> None:
    cluster.start()
    ask(cluster, "create table kept as select 42 as answer")

    cluster.process.kill()
    cluster.start()

    assert ask(cluster, "select answer from kept") == 42
    assert ask(cluster, "select current_setting('fsync') || current_setting('data_checksums')") == "onon"
    assert int(str(ask(cluster, "select current_setting('server_version_num')"))) >= 150_000


def test_a_killed_server_that_nobody_collected_does_not_bar_the_next(cluster: Postgres) -> None:
    cluster.start()
    os.kill(cluster.process.pid, signal.SIGKILL)
    following = Postgres(cluster.home, port=cluster.port)

    following.start()

    assert ask(following, "select 1") == 1
    following.stop()


def test_a_cluster_that_was_left_half_made_is_made_anew(cluster: Postgres) -> None:
    half = cluster.home / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")

    cluster.start()

    assert ask(cluster, "select 1") == 1
    assert not half.exists()


def test_postgres_listens_on_loopback_and_wants_a_password(cluster: Postgres) -> None:
    cluster.start()

    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(cluster.url(password="wrong")))  # noqa: S106

    assert ask(cluster, "select current_setting('listen_addresses')") == "127.0.0.1"
    assert cluster.password_file.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root cannot run PostgreSQL")
def test_as_root_it_runs_as_nobody(cluster: Postgres) -> None:
    cluster.start()

    assert Path(f"/proc/{cluster.process.pid}").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives way to nobody")
def test_as_root_below_a_closed_folder_the_data_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, shared = tmp_path / "closed" / ".holdfast", tmp_path / "shared"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    monkeypatch.setattr(paths, "SHARED_STATE", shared)

    first, second = paths.state_for_servers(closed), paths.state_for_servers(closed)

    assert first == second == shared / (closed / "id").read_text()


def test_a_new_system_installation_comes_first_and_an_old_one_last(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, wheel = Path("/old"), Path("/new"), Path("/wheel")
    monkeypatch.setattr(postgres, "_carried", lambda: wheel)

    monkeypatch.setattr(postgres, "_system", lambda: [(15, old), (18, new)])
    assert postgres.find_binaries() == new
    monkeypatch.setattr(postgres, "_system", lambda: [(15, old)])
    assert postgres.find_binaries() == wheel
    monkeypatch.setattr(postgres, "_carried", lambda: None)
    assert postgres.find_binaries() == old
    monkeypatch.setattr(postgres, "_system", lambda: [(14, old)])
    with pytest.raises(Trouble, match="DATABASE_URL"):
        postgres.find_binaries()


def program(file: Path, text: str) -> Path:
    """Write a program that stands in for one of the machine's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a machine without Temporal, Go or .venv: a folder that begins PATH, and a cache of its own."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(temporal, "VENV_PYTHON", tmp_path / "no-python")
    return tmp_path


def test_temporal_on_the_path_comes_first(bare: Path) -> None:
    here = program(bare / "bin" / "temporal", "exit 0")
    program(bare / "cache" / "holdfast" / "temporal", "exit 0")

    assert temporal.find_binary() == here


def test_temporal_in_the_cache_comes_second(bare: Path) -> None:
    cached = program(bare / "cache" / "holdfast" / "temporal", "exit 0")
    program(bare / "bin" / "go", "exit 1")

    assert temporal.find_binary() == cached


def test_temporal_is_downloaded_by_its_sdk_into_the_cache(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches = 'printf "#!/bin/sh\\n" > "$3/temporal-sdk-python-1"; chmod +x "$3/temporal-sdk-python-1"'
    monkeypatch.setattr(temporal, "VENV_PYTHON", program(bare / "python", fetches))

    found = temporal.find_binary()

    assert found == bare / "cache" / "holdfast" / "temporal"
    assert os.access(found, os.X_OK)
    assert sorted(path.name for path in found.parent.iterdir()) == ["temporal", "temporal.lock"]


def test_the_download_meets_the_modules_of_python_and_not_ours_of_the_same_name(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = """
import tokenize, venv
from pathlib import Path
class WorkflowEnvironment:
    @staticmethod
    async def start_local(download_dest_dir):
        binary = Path(download_dest_dir) / "temporal"
        binary.write_text("#!/bin/sh")
        binary.chmod(0o755)
        raise RuntimeError("it does not start here")
"""
    (bare / "stand-in" / "temporalio").mkdir(parents=True)
    (bare / "stand-in" / "temporalio" / "__init__.py").touch()
    (bare / "stand-in" / "temporalio" / "testing.py").write_text(sdk)
    python = f'PYTHONPATH="{bare / "stand-in"}" "{sys.executable}" "$@" 2> "{bare / "said"}"'
    monkeypatch.setattr(temporal, "VENV_PYTHON", program(bare / "python", python))

    with pytest.raises(Trouble, match="could not download"):
        temporal.find_binary()

    assert (bare / "said").read_text() == "it does not start here\n"


def test_temporal_is_built_when_it_cannot_be_downloaded(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(temporal, "VENV_PYTHON", program(bare / "python", "echo no network; exit 1"))
    builds = (
        f'test "$3" = {temporal.SOURCE} && mkdir -p "$GOBIN" && printf "#!/bin/sh\\n" > "$GOBIN/temporal"'
    )
    program(bare / "bin" / "go", builds)

    assert temporal.find_binary().exists()
    assert "no network" in capsys.readouterr().out


def test_a_build_that_fails_says_so(bare: Path) -> None:
    program(bare / "bin" / "go", "exit 1")

    with pytest.raises(Trouble, match="go install"):
        temporal.find_binary()


def test_no_way_to_temporal_is_told_with_the_ways_out(bare: Path) -> None:
    with pytest.raises(Trouble, match=r"TEMPORAL_ADDRESS.*PATH.*Go"):
        temporal.find_binary()


def test_temporal_comes_back_with_its_file_after_a_kill(tmp_path: Path) -> None:
    server = Temporal(
        log=tmp_path / "it.log", port=any_free(), http_port=any_free(), database=tmp_path / "it.db"
    )
    server.start()

    server.process.kill()
    server.start()

    assert server.is_ready(server.process.pid)
    server.stop()
    assert server.process.ended() == 0
