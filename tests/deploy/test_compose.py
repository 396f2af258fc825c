"""docker-compose.yml and Dockerfile, checked without an engine: by the schema and by rules of our own."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.deploy import compose
from tests.deploy.compose import ROOT
from tests.deploy.given import PRODUCTION

COMPOSE = compose.load()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
HOUSE = [name for name in OURS if name != "sandbox"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def has_compose() -> bool:
    """Answer whether docker has its compose plugin, which needs no engine to check a file."""
    docker = shutil.which("docker")
    version = [docker or "", "compose", "version"]
    return docker is not None and subprocess.run(version, capture_output=True, check=False).returncode == 0  # noqa: S603


def words(service: dict[str, Any]) -> list[str]:
    """Answer the command of a service: a list, so that no shell stands between a signal and the process."""
    command = service["command"]
    assert isinstance(command, list)
    return [str(word) for word in command]


@pytest.mark.row("DEP-06", partly="no container engine was here: a smoke run on the running containers")
def test_compose_file_obeys_the_schema() -> None:
    check = shutil.which("check-jsonschema", path=str(ROOT / ".venv" / "bin")) or "check-jsonschema"
    command = [check, "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.row("DEP-06", partly="no container engine was here: a smoke run on the running containers")
@pytest.mark.parametrize("part", ["postgres", "temporal", "temporal-ui", "migrate", "api", "worker"])
def test_compose_brings_up_every_part(part: str) -> None:
    assert part in SERVICES
    assert "profiles" not in SERVICES[part]


def test_services_wait_for_known_services_that_can_tell() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, f"{name} waits for {other}, which is not there"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (
                    f"{name} waits for the health of {other}, which has no check"
                )
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] != "unless-stopped", f"{other} never completes"


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_full_version(name: str) -> None:
    assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", SERVICES[name]["image"])


@pytest.mark.parametrize("image", re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.MULTILINE))
def test_base_images_are_pinned(image: str) -> None:
    assert re.search(r":\d+\.\d+\.\d+-", image)


def test_volumes_and_networks_are_declared() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            assert known, f"{name} mounts {source}"
        assert set(service["networks"]) <= COMPOSE["networks"].keys()


def test_postgres_data_lies_where_the_image_of_18_wants_it() -> None:
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]
    assert SERVICES["postgres"]["image"].startswith("postgres:18")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_nothing_but_their_work(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]  # noqa: S108 inside the container
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "user" not in service  # the image's own, which is not root


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_may_gain_privileges(name: str) -> None:
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]


def test_the_database_and_the_engine_are_out_of_reach() -> None:
    for network in ("store", "engine"):
        assert COMPOSE["networks"][network]["internal"] is True
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["temporal"]


def test_only_the_payment_worker_reaches_the_providers() -> None:
    there = {name for name, service in SERVICES.items() if "providers" in service["networks"]}

    assert there == {"worker-providers", "sandbox"}


@pytest.mark.parametrize("name", HOUSE)
def test_commands_name_what_can_be_run(name: str) -> None:
    command = words(SERVICES[name])

    if command[0] == "uvicorn":
        module, _, attribute = command[1].partition(":")
        imports = [sys.executable, "-c", f"from {module} import {attribute}"]
        done = subprocess.run(imports, cwd=ROOT, env=PRODUCTION, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
    elif command[1] == "-m":
        assert importlib.util.find_spec(command[2]) is not None
    else:
        assert (ROOT / command[1]).is_file()


@pytest.mark.row("DEP-13", partly="running them: tests/workflows and tests/api")
def test_every_queue_has_a_worker_and_only_one() -> None:
    from worker import QUEUES

    served = [word for name in SERVICES if name.startswith("worker") for word in words(SERVICES[name])[3::2]]

    assert sorted(served) == sorted(QUEUES)


@pytest.mark.parametrize("name", HOUSE)
def test_settings_load_from_the_environment_of_each_service(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given = {**compose.example(), **PRODUCTION, **passwords()}
    environment = {
        key: compose.filled(str(value), given) for key, value in SERVICES[name]["environment"].items()
    }
    for key in list(os.environ):
        monkeypatch.delenv(key)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)

    settings = Settings()

    assert settings.holdfast_env == "production"
    assert settings.temporal_address == "temporal:7233"
    if name == "api":
        assert str(settings.api_port) in words(SERVICES["api"])
        assert SERVICES["api"]["ports"][0].endswith(f":{settings.api_port}")
        assert f":{settings.api_port}/health/ready" in SERVICES["api"]["healthcheck"]["test"][-1]
    elif name.startswith("worker"):
        assert f":{settings.worker_health_port}/" in SERVICES[name]["healthcheck"]["test"][-1]


def passwords() -> dict[str, str]:
    """Answer a password for each account of the database."""
    return {name: f"word-{name.lower()}" for name in compose.example() if name.endswith("_PASSWORD")}


def test_every_variable_has_its_line_in_the_example_and_no_secret_has_a_value() -> None:
    example = compose.example()

    assert compose.variables((ROOT / "docker-compose.yml").read_text()) == example.keys()
    assert {
        name for name, value in example.items() if value and re.search("PASSWORD|SECRET|KEY$", name)
    } == set()


@pytest.mark.parametrize("name", [name for name in SERVICES if name.startswith(("api", "worker"))])
def test_health_checks_ask_a_route_that_exists(name: str) -> None:
    sources = "".join(path.read_text() for path in (*ROOT.glob("api/*.py"), ROOT / "worker.py"))
    route = re.search(r":\d+(/[\w/]+)", SERVICES[name]["healthcheck"]["test"][-1])

    assert route is not None
    assert f'"{route[1]}"' in sources


def test_image_copies_what_exists() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]

    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [path.name for path in ROOT.glob("*.py") if path.name not in copied] == []
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert [source for source in copied if f"!{source}" not in ignored] == []


def test_image_installs_the_hashed_lock_and_nothing_else() -> None:
    installs = re.findall(r"pip install[^&\n]*", DOCKERFILE)

    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--only-binary :all:" in installs[0]
    assert "requirements/image.lock" in installs[0]


def test_no_image_ends_as_root() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    finals = [stage for stage in stages if re.search(r"^CMD ", stage, re.MULTILINE)]

    assert len(finals) == 2
    for stage in finals:
        assert re.findall(r"^USER (\S+)", stage, re.MULTILINE)[-1] == "holdfast"


@pytest.mark.skipif(not has_compose(), reason="no docker compose here: `docker compose config` was not run")
def test_compose_itself_accepts_the_file(tmp_path: Path) -> None:
    given = {**compose.example(), **PRODUCTION, **passwords()}
    values = tmp_path / "env"
    values.write_text("".join(f'{name}="{value}"\n' for name, value in given.items()).replace("\n-", "\\n-"))
    command = ["docker", "compose", "--env-file", str(values), "config", "--quiet"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 0, done.stderr
