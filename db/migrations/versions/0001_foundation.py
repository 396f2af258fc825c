"""The foundation: every table with its checks and indexes, and the guards around them."""

from db.migrations import sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0001_tables.sql", "0001_guards.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
