"""Let the books of a provider find its reports."""

from db.migrations import sql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0014_reports.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
