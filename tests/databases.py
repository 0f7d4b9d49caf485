"""A pool of migrated databases for tests: emptying a used one costs a quarter of the CPU of a new one.

A test finds the same contents as in a new one. A database is reused only under a new name, without any other
session, with every table empty and every sequence at its start, and only if its catalog is as the migrations
left it. One that a test has altered, even if it undid the change, is dropped.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

T = TypeVar("T")
OURS: Final = 16384
"""The first object id outside Postgres itself."""
CATALOGS: Final = {
    "pg_attribute": "attrelid",
    "pg_attrdef": "adrelid",
    "pg_constraint": "oid",
    "pg_enum": "oid",
    "pg_event_trigger": "oid",
    "pg_extension": "oid",
    "pg_index": "indexrelid",
    "pg_largeobject_metadata": "oid",
    "pg_namespace": "oid",
    "pg_policy": "oid",
    "pg_proc": "oid",
    "pg_publication": "oid",
    "pg_rewrite": "oid",
    "pg_statistic": "starelid",
    "pg_statistic_ext": "oid",
    "pg_trigger": "oid",
    "pg_type": "oid",
}
"""The catalogs that only schema changes write to, with the column that identifies a row's object."""
ROWS: Final = " UNION ALL ".join(
    f"SELECT '{name} ' || string_agg({key} || ':' || xmin, ',' ORDER BY {key}, ctid) AS found"
    f" FROM {name} WHERE {key} >= {OURS}"
    for name, key in CATALOGS.items()
)
CLASSES: Final = (
    "SELECT string_agg(concat_ws(':', oid, relname, relkind, relowner, relnamespace, relpersistence,"
    " relrowsecurity, relacl, reloptions), ',' ORDER BY oid) AS found"
    f" FROM pg_class WHERE oid >= {OURS}"
)
SEQUENCES: Final = (
    "SELECT string_agg(concat_ws(':', s.*), ',' ORDER BY sequencename) AS found FROM pg_sequences AS s"
)
SETTINGS: Final = (
    "SELECT string_agg(s.setconfig::text, ',') AS found FROM pg_db_role_setting AS s"
    " JOIN pg_database AS d ON d.oid = s.setdatabase WHERE d.datname = current_database()"
)
TABLES: Final = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
CATALOGUE: Final = f"{ROWS} UNION ALL {CLASSES} UNION ALL {SEQUENCES} UNION ALL {SETTINGS}"
WITHOUT_TRIGGERS: Final = "SET session_replication_role = replica"
"""Foreign keys are triggers: tables may be emptied in any order."""
RESTART: Final = (
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
    " FROM pg_sequences WHERE last_value IS NOT NULL"
)
FORGET: Final = "SELECT pg_stat_reset()"
MOST_TESTS: Final = 30
"""A database is dropped after so many uses: deleted rows leave pages behind."""


class Databases:
    """The databases of one test process."""

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection = self._wait(asyncpg.connect(server))
        self._free: list[str] = []
        self._used: Counter[str] = Counter()
        self.made = self.emptied = 0
        self._fresh: list[str | None] = []
        self._kept: dict[str, str] = {}
        self._clear = ""
        self._wait(self._learn())

    def take(self) -> str:
        """Return the name of a database that is as the migrations left it."""
        return self._free.pop() if self._free else self._wait(self._make())

    def give_back(self, name: str) -> None:
        """End every session in it, and make it ready for another test, or drop it."""
        if fresh := self._wait(self._empty(name)):
            self._free.append(fresh)

    def close(self) -> None:
        """Drop the remaining databases."""
        for name in self._free:
            self._wait(self._drop(name))
        self._wait(self._connection.close())
        self._loop.close()

    def url(self, name: str) -> str:
        """Return the address of a database in this server."""
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    async def _make(self) -> str:
        name = f"test_{uuid4().hex}"
        # Copied as files: the other strategy writes every page to the WAL first, 9 MB.
        await self._connection.execute(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")
        self.made += 1
        return name

    async def _drop(self, name: str) -> None:
        await self._connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _learn(self) -> None:
        """Record a new database: its catalog, its tables, and the rows that migrations leave in them."""
        name = await self._make()
        connection = await asyncpg.connect(self.url(name))
        try:
            self._fresh = await _catalogue(connection)
            tables = [row["relname"] for row in await connection.fetch(TABLES)]
            self._kept = {table: rows for table in tables if (rows := await _rows(connection, table))}
        finally:
            await connection.close()
        deletes = [f'DELETE FROM "{table}"' for table in tables if table not in self._kept]
        self._clear = ";".join([WITHOUT_TRIGGERS, *deletes, RESTART, FORGET])
        self._free.append(name)

    async def _empty(self, old: str) -> str | None:
        name = f"test_{uuid4().hex}"
        uses = self._used.pop(old, 0) + 1
        try:
            await self._connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", old
            )
            await self._connection.execute(f"ALTER DATABASE {old} RENAME TO {name}")
        except asyncpg.ObjectInUseError:  # a process that outlived its test reconnected
            name = old
        else:
            connection = await asyncpg.connect(self.url(name))
            try:
                fresh = uses < MOST_TESTS and await self._is_fresh(connection)
            finally:
                await connection.close()
            if fresh:
                self.emptied += 1
                self._used[name] = uses
                return name
        await self._drop(name)
        return None

    async def _is_fresh(self, connection: asyncpg.Connection) -> bool:
        """Empty it, and return whether it then equals a new one."""
        try:
            await connection.execute(self._clear)
        except asyncpg.UndefinedTableError:
            return False
        if await _catalogue(connection) != self._fresh:
            return False
        return all([await _rows(connection, table) == rows for table, rows in self._kept.items()])


async def _catalogue(connection: asyncpg.Connection) -> list[str | None]:
    return [row["found"] for row in await connection.fetch(CATALOGUE)]


async def _rows(connection: asyncpg.Connection, table: str) -> str:
    rows: str = await connection.fetchval(
        f"SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM \"{table}\" AS t"
    )
    return rows
