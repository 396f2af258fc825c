"""The house keeps its shape: floors, nouns, pure modules, and who may read settings and the environment."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "workflows", "providers", "db", "activities", "api")

# One noun has one file name on every floor. A file that is called neither after a noun nor after a piece of
# plumbing is a new idea: give it a name here, on purpose.
NOUNS = {
    "audit", "booking", "catalog", "event", "health", "inventory", "ledger", "notice", "payment", "pricing",
    "quote", "refund", "sweep", "tenant", "ticket", "webhook", "aftercare", "cancellation", "payout",
    "user", "channel", "method", "link", "intent", "transaction", "passenger", "consent", "checkout",
    "billing", "country", "report", "case", "schema", "decline", "limit", "block", "standing", "due",
    "settlement", "authorization", "flight", "route", "registry", "delivery", "dispute", "transfer", "books",
    "split", "bank", "instrument",
}  # fmt: skip
PLUMBING = {
    "domain": {"ids", "money", "refusal", "value"},
    "workflows": {
        "names",
        "schedule",
        "steps",
        "saga",
        "asking",
        "deadline",
        "ending",
        "wish",
        "client",
        "codec",
    },
    "providers": {
        *(
            "gateway",
            "trouble",
            "amount",
            "account",
            "credential",
            "vault",
            "cash",
            "offline",
            "stripe_gateway",
            "adyen_gateway",
            "paypal_gateway",
            "mail",
            "letter",
            "token",
            "qr",
            "seal",
            "protection",
        )
    },
    "db": {"session", "base", "metadata", "roles", "demo", "relay", "idempotency", "reference", "step"},
    "activities": {"failure", "heartbeat", "log", "teller", "relay"},
    "api": {
        *(
            "app",
            "deps",
            "paying",
            "problem",
            "rule",
            "stream",
            "page",
            "middleware",
            "shape",
            "waker",
            "intake",
            "group",
            "flat",
            "body",
            "openapi",
            "feed",
        ),
        *("access", "back", "key", "recent", "operator", "codec", "protocol"),
    },
}

# What stands beside the sagas: the way to them.
OUTSIDE = {"client", "codec", "schedule"}
PURE = [
    *(ROOT / "domain").rglob("*.py"),
    *(path for path in (ROOT / "workflows").rglob("*.py") if path.stem not in OUTSIDE),
]
IMPURE_MODULES = {
    "os",
    "io",
    "random",
    "secrets",
    "time",
    "pathlib",
    "socket",
    "subprocess",
    "tempfile",
    "uuid_utils",
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "open", "getenv", "urandom"}


def modules(*floors: str) -> Iterator[Path]:
    for floor in floors:
        yield from (path for path in (ROOT / floor).rglob("*.py") if "migrations" not in path.parts)


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def names_called(path: Path) -> set[str]:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


CHANGES = {
    *("add", "append", "clear", "discard", "extend", "insert"),
    *("pop", "popitem", "remove", "setdefault", "update"),
}


def changed(module: ast.Module) -> Iterator[str]:
    """Name what functions change in place: what they assign into, delete from, or tell to change."""
    functions = (
        node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    for node in (node for function in functions for node in ast.walk(function)):
        match node:
            case (
                ast.Subscript(value=ast.Name(name), ctx=ast.Store() | ast.Del())
                | ast.Attribute(value=ast.Name(name), ctx=ast.Store() | ast.Del())
            ):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(name), attr=told)) if told in CHANGES:
                yield name


@pytest.mark.row("DEP-16")
@pytest.mark.parametrize(
    "place", ["workflows", "activities", "api", "worker.py", "docker-compose.yml", "tests", "pyproject.toml"]
)
def test_the_agreed_places_exist(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.row("DEP-16")
def test_the_agreed_packages_are_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {
        requirement.partition(">")[0].partition("[")[0].lower() for requirement in project["dependencies"]
    }

    agreed = {
        "temporalio",
        "fastapi",
        "sqlmodel",
        "asyncpg",
        "stripe",
        "adyen",
        "pydantic",
        "pyjwt",
        "segno",
        "sendgrid",
    }
    assert agreed - named == set()


def test_one_noun_has_one_file_name_on_every_floor() -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in modules(floor)
        if not ({path.stem, path.parent.name} & (NOUNS | PLUMBING[floor]) or path.stem == "__init__")
    ]

    assert strangers == [], "name a file after its noun, or write down the new word in NOUNS or PLUMBING"


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_rules_and_sagas_read_no_clock_no_chance_and_no_files(path: Path) -> None:
    """Workers run sagas without the engine's sandbox, so this test looks in its place, as the replays do."""
    assert {module.partition(".")[0] for module in imports(path)} & IMPURE_MODULES == set()
    allowed = {"now"} if "workflows" in path.parts else set()  # workflow.now() is the run's own clock
    assert names_called(path) & (IMPURE_CALLS - allowed) == set()


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_rules_and_sagas_keep_nothing_outside_a_run(path: Path) -> None:
    """All runs of a worker share their modules: what one left there the next would find, a replay not."""
    module = ast.parse(path.read_text())
    kept = {
        node.id
        for statement in module.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }

    assert not [node for node in ast.walk(module) if isinstance(node, ast.Global)]
    assert set(changed(module)) & kept == set()


def test_only_the_entry_points_read_settings() -> None:
    readers = [path.relative_to(ROOT) for path in modules(*FLOORS) if "settings" in imports(path)]

    assert readers in ([], [Path("api/app.py")])


def test_only_settings_read_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in [*modules(*FLOORS), ROOT / "worker.py", ROOT / "wiring.py"]
        if {"environ", "getenv"}
        & {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    ]

    allowed = {"db/roles.py", "db/demo.py"}  # programs that run before there are any settings
    assert set(readers) <= allowed


def test_packages_hold_a_docstring_and_nothing_else() -> None:
    """Parent packages are imported for every run inside the engine's sandbox: anything there would be paid
    each time.
    """
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("__init__.py"):
            body = ast.parse(path.read_text()).body
            assert len(body) == 1, path
            assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("path", [*modules(*FLOORS)], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_lives_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
