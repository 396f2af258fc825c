"""What operators see and decide: parked events, cases, settlements by hand."""

from db.migrations import sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0006_operators.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
