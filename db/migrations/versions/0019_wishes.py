"""Let the payment role write a wish to pay in one transaction."""

from db.migrations import sql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0019_wishes.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
