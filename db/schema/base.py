"""What all tables share: types of columns, names of constraints, the tenant in front.

Every key leads with the tenant, and so does every reference from one row to another: a row can only point to
a row of its own tenant. There is no foreign key to a row that many bookings share (tenant, channel, offer,
slot, variant), because each check of one locks the shared row, and the bookings of an on-sale would queue for
it; the statements that accept a booking check what they refer to.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_NOW = {"server_default": text("now()")}
_NOTHING = {"server_default": text("0")}

Id = Annotated[UUID, Field(primary_key=True)]
KeyWords = Annotated[str, Field(sa_type=Text, primary_key=True)]
Instant = Annotated[datetime, Field(sa_type=DateTime(timezone=True))]
Stamped = Annotated[datetime, Field(sa_type=DateTime(timezone=True), sa_column_kwargs=_NOW)]
Words = Annotated[str, Field(sa_type=Text)]
Minor = Annotated[int, Field(sa_type=BigInteger)]
MinorSum = Annotated[int, Field(sa_type=BigInteger, sa_column_kwargs=_NOTHING)]
Tally = Annotated[int, Field(sa_column_kwargs=_NOTHING)]
CurrencyCode = Annotated[str, Field(sa_type=CHAR(3))]
Flag = Annotated[bool, Field(sa_column_kwargs={"server_default": text("false")})]
Json = Annotated[dict[str, Any], Field(sa_type=JSONB)]

MaybeInstant = Annotated[datetime | None, Field(sa_type=DateTime(timezone=True))]
MaybeDate = Annotated[date | None, Field(sa_type=Date)]
MaybeWords = Annotated[str | None, Field(sa_type=Text)]
MaybeMinor = Annotated[int | None, Field(sa_type=BigInteger)]
MaybeCurrency = Annotated[str | None, Field(sa_type=CHAR(3))]
MaybeJson = Annotated[dict[str, Any] | None, Field(sa_type=JSONB)]


class Row(SQLModel):
    """A table of ours: no validation, that is the rules' part; the database's checks are the last defence."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class TenantRow(Row):
    """A row of one tenant, under row-level security."""

    tenant_id: Id


def one_of(column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """Allow the column these words only."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({words})", name=f"{column}_known")


def refers_to(table: str, column: str) -> ForeignKeyConstraint:
    """Point to the row `column` of `table`, of the same tenant."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"])
