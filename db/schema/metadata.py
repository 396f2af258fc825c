"""All tables together, for migrations and for the test that compares them with a migrated database."""

from db.schema import (  # noqa: F401 - importing a noun adds its tables
    audit,
    billing,
    booking,
    case,
    catalog,
    consent,
    dispute,
    event,
    inventory,
    ledger,
    limit,
    link,
    method,
    notice,
    passenger,
    payment,
    pricing,
    route,
    split,
    sweep,
    tenant,
    ticket,
    webhook,
)
from db.schema.base import Row

metadata = Row.metadata
