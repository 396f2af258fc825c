"""Let the payment role close the case of a dispute with the dispute."""

from db.migrations import sql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0015_dispute_case.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
