"""Gives each role its own user in Postgres, which may write the tables that its code writes, and no other.

``grants.json`` is generated from the code (docs/tables.md lists the same by module); a test compares them.
Applied by ``python -m ledger migrate`` as the database's owner, after the migrations, where the roles'
passwords are set. Idempotent; what the table no longer has is taken away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import asyncpg

from ledger.db.admin_acts import Act, record

TABLES: Final[dict[str, dict[str, list[str]]]] = json.loads(
    resources.files("ledger.db").joinpath("grants.json").read_text("utf-8")
)
"""Role -> table -> verbs besides reading."""
LOCKS: Final = {
    "partners": {"users": "updated_at"},
    "webhooks": {"webhook_messages": "created_at"},
    "export": {"scene_generations": "updated_at"},
    "relay": {},
    "gateway": {"webhook_messages": "created_at"},
    "ledger": {},
}
"""Role -> tables whose rows it locks without writing them; Postgres wants the right to update some column."""
FUNCTIONS: Final = {"ledger": ("forget_old_events(integer, integer, integer, integer)",)}
"""Role -> functions that do with their owner's rights what the role itself may not."""
CREDENTIALS: Final = frozenset(
    {
        "api_keys",
        "refresh_tokens",
        "one_time_links",
        "mails",
        "shares",
        "albums",
        "idempotency_keys",
        "admin_acts",
    }
)
"""Read by roles that write them alone."""
SECRET_COLUMNS: Final = {"users": frozenset({"password_hash"})}
"""Columns that only the gateway reads."""
RELAY_READS: Final = frozenset({"outbox", "relay_lease", "migrations", "projector_offsets"})

_COLUMNS: Final = """
SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) AS columns
FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name"""
SECOND: Final = "_second"
"""Ends the name of a role's second user, which has the rights of the first by being a member of it."""
_USER: Final = """
SELECT format('%s ROLE %I LOGIN PASSWORD %L', CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1)
    THEN 'ALTER' ELSE 'CREATE' END, $1::text, $2::text)"""


def user(database: str, role: str) -> str:
    """Return the name of a role's user; users belong to the whole server, hence the database's name."""
    return f"{database}_{role}"


async def grant(
    connection: asyncpg.Connection, passwords: Mapping[str, str], second: Mapping[str, str] | None = None
) -> list[str]:
    """Make the users and set their rights, in one transaction; return the users' names.

    ``second``: passwords of second users. One that is not named any more cannot sign in any more.
    """
    database = await connection.fetchval("SELECT current_database()")
    made = []
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('sharpstream grants'))")
        columns = {row["table_name"]: row["columns"] for row in await connection.fetch(_COLUMNS)}
        for role in passwords.keys() & TABLES.keys():
            name = user(database, role)
            await connection.execute(await connection.fetchval(_USER, name, passwords[role]))
            for statement in statements(role, name, columns):
                await connection.execute(statement)
            made.append(name)
            made += await _second(connection, name, (second or {}).get(role))
        if made:
            await record(connection, Act(action="migrate: roles", details={"users": sorted(made)}))
    return sorted(made)


async def _second(connection: asyncpg.Connection, first: str, password: str | None) -> list[str]:
    """Make the second user of a role's first, or end it."""
    name = f"{first}{SECOND}"
    if password is not None:
        await connection.execute(await connection.fetchval(_USER, name, password))
        await connection.execute(f'GRANT "{first}" TO "{name}"')
        return [name]
    if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        await connection.execute(f'DROP ROLE "{name}"')
    return []


def statements(role: str, name: str, columns: Mapping[str, Any]) -> list[str]:
    """Return what gives a user its rights and takes all others away."""
    found = [f'REVOKE ALL ON ALL {what} IN SCHEMA public FROM "{name}"' for what in ("TABLES", "FUNCTIONS")]
    writes = TABLES[role]
    for table, names in sorted(columns.items()):
        if _reads(role, table):
            hidden = frozenset() if role == "gateway" else SECRET_COLUMNS.get(table, frozenset())
            shown = ", ".join(f'"{column}"' for column in names if column not in hidden)
            what = f"SELECT ({shown})" if hidden else "SELECT"
            found.append(f'GRANT {what} ON "{table}" TO "{name}"')
        if verbs := writes.get(table):
            found.append(f'GRANT {", ".join(verbs).upper()} ON "{table}" TO "{name}"')
    found += [
        f'GRANT UPDATE ("{column}") ON "{table}" TO "{name}"'
        for table, column in LOCKS[role].items()
        if column in columns.get(table, ())
    ]
    found += [f'GRANT EXECUTE ON FUNCTION {each} TO "{name}"' for each in FUNCTIONS.get(role, ())]
    return found


def _reads(role: str, table: str) -> bool:
    if role == "relay":
        return table in RELAY_READS
    return role == "gateway" or table not in CREDENTIALS or table in TABLES[role]
