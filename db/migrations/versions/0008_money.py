"""What a payment may become, and money in a currency that nobody asked for."""

from db.migrations import sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0008_money.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
