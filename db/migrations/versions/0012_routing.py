"""Which account takes a payment."""

from db.migrations import sql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0012_routing.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
