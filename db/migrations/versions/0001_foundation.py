"""The foundation: every table with its checks and indexes, and the guards around them."""

from operator import methodcaller
from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1]


def upgrade() -> None:
    """Run both files as they stand: SQL is reviewed as SQL."""
    connection: Any = op.get_bind().connection.dbapi_connection
    for name in ("0001_tables.sql", "0001_guards.sql"):
        connection.run_async(methodcaller("execute", (SQL / name).read_text()))


def downgrade() -> None:
    """Refuse: the next migration mends what this one broke."""
    raise NotImplementedError("We go forward only.")
