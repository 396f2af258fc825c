"""What the whole saga needs: money held, reviewed, accepted by partners, paid in parts."""

from db.migrations import sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0002_saga.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
