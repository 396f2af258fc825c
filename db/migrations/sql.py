"""Running a migration that is written as SQL: it is reviewed as SQL."""

from operator import methodcaller
from pathlib import Path
from typing import Any

from alembic import op

HERE = Path(__file__).parent


def run(*names: str) -> None:
    """Run files of this folder as they stand, in the migration's transaction."""
    connection: Any = op.get_bind().connection.dbapi_connection
    for name in names:
        connection.run_async(methodcaller("execute", (HERE / name).read_text()))


def forward_only() -> None:
    """Refuse to go back: the next migration mends what this one broke."""
    raise NotImplementedError("We go forward only.")
