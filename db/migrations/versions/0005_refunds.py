"""Refunds followed until they are final, and the sweep for lost webhooks."""

from db.migrations import sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0005_refunds.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
