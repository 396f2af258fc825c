"""Look after a refund until its booking knows how it ended."""

from db.migrations import sql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0020_recorded.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
