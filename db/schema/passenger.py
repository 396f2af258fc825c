"""Who travels on a booking."""

from typing import Annotated

from sqlalchemy import CHAR, CheckConstraint
from sqlmodel import Field

from db.schema.base import Id, MaybeWords, TenantRow, Words, one_of, refers_to
from domain.passenger import PassengerType


class Passenger(TenantRow, table=True):
    """One passenger; `birth_date` and `passport` are sealed, bound to this row."""

    __tablename__ = "passengers"
    __table_args__ = (
        one_of("type", PassengerType),
        CheckConstraint("position > 0", name="counted_from_one"),
        refers_to("bookings", "booking_id"),
    )

    booking_id: Id
    position: int = Field(primary_key=True)
    type: Words
    given_name: Words
    family_name: Words
    nationality: Annotated[str, Field(sa_type=CHAR(2))]
    birth_date: Words
    passport: MaybeWords
