"""What the open rows of the doors need."""

from db.migrations import sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0010_doors.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
