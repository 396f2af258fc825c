"""All tables together, for migrations and for the test that compares them with a migrated database."""

from db.schema import (  # noqa: F401 - importing a noun adds its tables
    audit,
    booking,
    catalog,
    event,
    inventory,
    ledger,
    notice,
    payment,
    pricing,
    limit,
    tenant,
    ticket,
    webhook,
)
from db.schema.base import Row

metadata = Row.metadata
