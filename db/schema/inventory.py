"""Places: counters and holds. The rules of locking stand in `db/inventory/`."""

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from db.schema.base import Id, MaybeInstant, Tally, TenantRow, Words, one_of, refers_to
from domain.inventory import HoldStatus


class Counter(TenantRow, table=True):
    """How many places there are, held and sold, of a slot (its id) or of a quota.

    Narrow, without an index on what changes and with room in each page: an update stays in its page (HOT) and
    costs no index write.
    """

    __tablename__ = "counters"
    __table_args__ = (
        CheckConstraint("held >= 0 and sold >= 0 and held + sold <= capacity", name="never_oversold"),
        {"postgresql_with": {"fillfactor": 20}},
    )

    id: Id
    capacity: int
    held: Tally
    sold: Tally


class Hold(TenantRow, table=True):
    """What a booking holds of one counter, the `n`-th time.

    Without `expires_at` there is no deadline: nothing is due. From `kept_until` on anybody may take the
    places. A trigger lets an active hold become purchased, expired or released, and nothing else happen.
    """

    __tablename__ = "holds"
    __table_args__ = (
        one_of("status", HoldStatus),
        CheckConstraint("places > 0", name="some_places"),
        CheckConstraint("n > 0", name="counted_from_one"),
        CheckConstraint(
            "(expires_at is null) = (kept_until is null) and expires_at <= kept_until", name="kept_at_least"
        ),
        refers_to("bookings", "booking_id"),
        Index(
            "ix_holds_active_of_counter",
            "tenant_id",
            "counter_id",
            "kept_until",
            postgresql_where=text("status = 'active'"),
        ),
        Index("ix_holds_overdue", "kept_until", postgresql_where=text("status = 'active'")),
    )

    booking_id: Id
    counter_id: Id
    n: int = Field(primary_key=True)
    places: int
    status: Words
    expires_at: MaybeInstant
    kept_until: MaybeInstant
