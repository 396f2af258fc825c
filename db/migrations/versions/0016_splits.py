"""Let payments be divided among vendors."""

from db.migrations import sql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0016_splits.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
