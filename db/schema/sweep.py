"""When the sweep asks again about what is open; the rows themselves say what it is."""

from db.schema.base import Id, Stamped, Tally, TenantRow


class Sweep(TenantRow, table=True):
    """A payment, refund or booking that was looked at `looks` times and is again from `next_at` on."""

    __tablename__ = "sweeps"

    subject: Id
    looks: Tally
    next_at: Stamped
