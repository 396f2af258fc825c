"""Remember what was told of a payment whose provider cannot be asked."""

from db.migrations import sql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0009_adyen.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
