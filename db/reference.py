"""References for people: their numbers are drawn in blocks, so that accepting a booking asks for none."""

from collections.abc import Iterator

from db.session import Database
from domain import ids
from domain.ids import TenantId

# The sequence counts in steps of this; what a process has not used when it ends is lost.
BLOCK = 100

DRAW = """
select reference_pattern, extract(year from now())::int as year, nextval('booking_numbers') as first
  from tenants where id = $1
"""


async def next_reference(database: Database, tenant_id: TenantId) -> str:
    """Give the next reference of a tenant, in its own pattern; no two calls anywhere give the same one."""
    while True:
        drawn = database.references.get(tenant_id)
        if drawn is not None and (reference := next(drawn, None)) is not None:
            return reference
        database.references[tenant_id] = await _draw(database, tenant_id)


async def _draw(database: Database, tenant_id: TenantId) -> Iterator[str]:
    async with database.tenant(tenant_id) as connection:
        row = await connection.fetchrow(DRAW, tenant_id)
    if row is None:
        raise LookupError(f"there is no tenant {tenant_id}")
    pattern, year, first = row["reference_pattern"], row["year"], row["first"]
    return iter([ids.reference(pattern, year=year, number=first + i) for i in range(BLOCK)])
