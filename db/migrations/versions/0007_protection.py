"""Rate limits that all processes share."""

from db.migrations import sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0007_protection.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
