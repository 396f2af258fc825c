"""What payers' banks want back."""

from db.migrations import sql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0013_disputes.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
