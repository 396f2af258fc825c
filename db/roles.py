"""Makes the database and its five roles: `python -m db.roles`, as somebody who may (DATABASE_ADMIN_URL).

Run before the first migration and after a password changed; a repeat changes nothing else. Where a hosted
database has its own way to make roles, the same five are made there, with the same limits.

Limits stand on the roles, not on connections, so that they hold behind a pooler too. A statement of ours
never runs as long as a step may (2 s), so a step that was given up is not still running.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import asyncpg

SHORT = {
    "statement_timeout": "1800ms",
    "lock_timeout": "1500ms",
    "idle_in_transaction_session_timeout": "10s",
}
LONG = {"statement_timeout": "60s", "lock_timeout": "1500ms", "idle_in_transaction_session_timeout": "60s"}
OWNER: dict[str, str] = {"lock_timeout": "1s"}

# The variable with a role's address, and the role's limits.
ROLES = {
    "DATABASE_URL": OWNER,
    "DATABASE_APP_URL": SHORT,
    "DATABASE_PAYMENT_URL": SHORT,
    "DATABASE_RELAY_URL": SHORT,
    "DATABASE_READONLY_URL": LONG,
}

# Names and passwords cannot be parameters of these commands, so PostgreSQL itself quotes them.
CREATE_ROLE = """
select format('create role %I login nosuperuser nobypassrls nocreatedb nocreaterole', $1::text)
 where not exists (select from pg_roles where rolname = $1)
"""
SET_PASSWORD = "select format('alter role %I password %L', $1::text, $2::text)"  # noqa: S105
SET_LIMIT = "select format('alter role %I set %I = %L', $1::text, $2::text, $3::text)"
CREATE_DATABASE = """
select format('create database %I owner %I', $1::text, $2::text)
 where not exists (select from pg_database where datname = $1)
"""
LET_IN = "select format('grant connect on database %I to %I', $1::text, $2::text)"
KEEP_OUT = "select format('revoke all on database %I from public', $1::text)"


@dataclass(frozen=True)
class Role:
    """A role as its address names it."""

    name: str
    password: str
    database: str
    limits: dict[str, str]


def roles_of(environment: dict[str, str]) -> list[Role]:
    """List the roles that the addresses in the environment name, the owner first."""
    found = []
    for variable, limits in ROLES.items():
        parts = urlsplit(environment[variable])
        name, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (name and password):
            raise ValueError(f"{variable} names no role with a password.")
        found.append(Role(name, password, parts.path.lstrip("/"), limits))
    return found


async def make_roles(admin_url: str, roles: list[Role]) -> None:
    """Make the roles, and the database of the first, its owner; safe to repeat."""
    admin = await asyncpg.connect(admin_url)
    try:
        for role in roles:
            await _run(admin, CREATE_ROLE, role.name)
            await _run(admin, SET_PASSWORD, role.name, role.password)
            for limit, value in role.limits.items():
                await _run(admin, SET_LIMIT, role.name, limit, value)
        owner = roles[0]
        if await admin.fetchval("select not rolsuper from pg_roles where rolname = current_user"):
            await _run(admin, "select format('grant %I to current_user', $1::text)", owner.name)
        await _run(admin, CREATE_DATABASE, owner.database, owner.name)
        await let_in(admin, owner.database, roles)
    finally:
        await admin.close()


async def let_in(admin: "asyncpg.Connection[asyncpg.Record]", database: str, roles: list[Role]) -> None:
    """Let these roles connect to a database, and nobody else."""
    await _run(admin, KEEP_OUT, database)
    for role in roles:
        await _run(admin, LET_IN, database, role.name)


async def _run(admin: "asyncpg.Connection[asyncpg.Record]", written_by: str, *values: str) -> None:
    command = await admin.fetchval(written_by, *values)
    if command is not None:
        await admin.execute(command)


def main() -> None:
    """Make what the environment names."""
    try:
        admin_url, roles = os.environ["DATABASE_ADMIN_URL"], roles_of(dict(os.environ))
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is missing.")
    asyncio.run(make_roles(admin_url, roles))


if __name__ == "__main__":
    main()
