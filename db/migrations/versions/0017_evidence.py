"""Keep what speaks for us in a dispute."""

from db.migrations import sql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0017_evidence.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
