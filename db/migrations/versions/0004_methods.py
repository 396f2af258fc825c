"""Stored payment methods, payment links, and the full record of a payment."""

from db.migrations import sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0004_methods.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
