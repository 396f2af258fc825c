"""What becomes of letters."""

from db.migrations import sql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0011_mail.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
