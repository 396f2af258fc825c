"""Let the relay mark what it has told."""

from db.migrations import sql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0018_relay.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
