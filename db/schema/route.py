"""Which account takes a payment."""

from typing import Annotated
from uuid import UUID

from sqlalchemy import ARRAY, CHAR, CheckConstraint, Index, Text
from sqlmodel import Field

from db.schema.base import MaybeCurrency, MaybeWords, TenantRow, refers_to


class PaymentRoute(TenantRow, table=True):
    """One of an organizer's rules: a column that is null may be anything (`domain.route`).

    `accounts` are written `provider/name`, the first to be asked first; `position` is the order in which the
    organizer has written the rules down, and decides nothing.
    """

    __tablename__ = "payment_routes"
    __table_args__ = (
        CheckConstraint("cardinality(accounts) > 0", name="some_account"),
        refers_to("offers", "offer_id"),
        Index(
            "uq_payment_routes_purchase",
            "tenant_id",
            "offer_id",
            "method",
            "country",
            "currency",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    position: Annotated[int, Field(primary_key=True)]
    accounts: Annotated[list[str], Field(sa_type=ARRAY(Text))]
    offer_id: UUID | None
    method: MaybeWords
    country: Annotated[str | None, Field(sa_type=CHAR(2))]
    currency: MaybeCurrency
