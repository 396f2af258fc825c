"""Who travels, what they agreed to, and how tickets reach them."""

from db.migrations import sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this folder."""
    sql.run("0003_people.sql")


def downgrade() -> None:
    """Refuse."""
    sql.forward_only()
