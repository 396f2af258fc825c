"""No SQL is put together from pieces: statements are constants, values are parameters."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "workflows", "providers", "db", "activities", "api")
SOURCES = [
    path
    for place in [*(ROOT / floor for floor in FLOORS), ROOT / "worker.py"]
    for path in (place.rglob("*.py") if place.is_dir() else [place])
    if "versions" not in path.parts and "schema" not in path.parts
]
SQL = re.compile(
    r"\b(select\s.+\bfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|set_config|begin\s*;|where\s+\w+)\b",
    re.IGNORECASE | re.DOTALL,
)
ASKING = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor", "prepare", "copy_to_table"}

# Neither `begin` nor `set` nor `notify` takes parameters: ids go in as 32 hexadecimal digits, from UUIDs.
KNOWN = {
    ("db/session.py", "BEGIN_AS_TENANT.format"),
    ("db/session.py", "COMMIT_AND_TELL.format"),
    ("db/session.py", "LOOK_AS_TENANT.format"),
}


def said(node: ast.AST) -> str:
    """Give all literal text below a node."""
    return " ".join(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def statements(tree: ast.Module) -> set[str]:
    """Name the statements that a module keeps, or has from `db`."""
    kept = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and SQL.search(said(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    froms = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    imported = {
        alias.asname or alias.name
        for node in froms
        if (node.module or "").split(".")[0] == "db"
        for alias in node.names
    }
    return kept | {name for name in imported if name.isupper()}


def named(node: ast.AST) -> set[str]:
    """Give all names below a node."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def built(tree: ast.Module) -> Iterator[str]:
    """List the places where SQL is put together, of words or of whole statements: f-strings, operators,
    `.format`, `.join`.
    """
    whole = statements(tree)
    for node in ast.walk(tree):
        is_sql = SQL.search(said(node)) or named(node) & whole
        if isinstance(node, ast.JoinedStr) and is_sql:
            yield "f-string"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod) and is_sql:
            yield "operator"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("format", "join", "replace") and (
                SQL.search(said(node)) or ast.unparse(node.func.value).isupper()
            ):
                yield ast.unparse(node.func)
            if node.func.attr in ASKING and node.args and isinstance(node.args[0], ast.JoinedStr | ast.BinOp):
                yield ast.unparse(node.func)


@pytest.mark.row("SEC-05", partly="validation at the door, escaping, cross-site requests")
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_statement_is_put_together_from_pieces(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = {(name, place) for place in built(ast.parse(path.read_text()))}

    assert found - KNOWN == set()


@pytest.mark.parametrize(
    "line",
    [
        'connection.fetch(f"select {column} from bookings")',
        'connection.fetch("select id from bookings where id = \'" + name + "\'")',
        "connection.execute(\"delete from bookings where id = '%s'\" % name)",
        'connection.execute("insert into {} values (1)".format(table))',
        "connection.fetch(STATEMENT.format(name))",
        'connection.fetchval(STATEMENT + " limit 1")',
        'ALL = "select id from bookings"\nONE = f"{ALL} and id = $2"',
        'ALL = "select id from bookings"\nONE = ALL + " and id = $2"',
        'from db.booking import ALL\nONE = f"{ALL} and id = $2"',
    ],
)
def test_the_check_sees_a_statement_that_is(line: str) -> None:
    assert list(built(ast.parse(line)))
