"""Runs Piccolo's queries, the plain reads and writes of every table, on the caller's connections.

A table is bound to the Postgres dialect but to no database. The caller passes each query a pool or the
connection of a transaction, so that one process can use several databases and a query can join a transaction
that asyncpg began. Statements that Piccolo cannot express stay SQL, on the same connections.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from piccolo.columns import Column
from piccolo.engine.postgres import PostgresEngine
from piccolo.querystring import QueryString
from piccolo.table import Table

NOW: Final = QueryString("now()")
"""The transaction's start time by the database's clock."""
CLOCK: Final = QueryString("clock_timestamp()")
"""The time at which the statement runs."""

Changes: TypeAlias = dict[Column | str, Any]
"""Column -> new value, the argument of a Piccolo update."""
_Result = TypeVar("_Result")
_EXECUTOR: Final[ContextVar[asyncpg.Pool | asyncpg.Connection | None]] = ContextVar("executor", default=None)


class _Dialect(PostgresEngine):
    """Piccolo's engine without its own connections; it keeps no state between queries."""

    def __init__(self) -> None:
        self.engine_type = "postgres"  # all that query building needs; the base __init__ opens a connection

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> list[asyncpg.Record]:
        """Run one statement on the executor passed to `run`. Raises `RuntimeError` outside of `run`."""
        executor = _EXECUTOR.get()
        if executor is None:
            raise RuntimeError("A query needs a connection: `await run(pool, query)`, not `await query`.")
        statement, arguments = querystring.compile_string()
        rows: list[asyncpg.Record] = await executor.fetch(statement, *arguments)
        return rows


POSTGRES: Final = _Dialect()
"""The ``db`` of every table."""


async def run(executor: asyncpg.Pool | asyncpg.Connection, query: Awaitable[_Result]) -> _Result:
    """Return the result of a Piccolo query, run on a pool or within the transaction of a connection."""
    token = _EXECUTOR.set(executor)
    try:
        return await query
    finally:
        _EXECUTOR.reset(token)


async def run_one(
    executor: asyncpg.Pool | asyncpg.Connection, query: Awaitable[list[dict[str, Any]]]
) -> dict[str, Any] | None:
    """Return the row of a query that has at most one; None where it has none."""
    rows = await run(executor, query)
    return rows[0] if rows else None


def columns_of(table: type[Table], row: type) -> tuple[Column, ...]:
    """Return the columns of ``table`` that the dataclass ``row`` has as fields, in their order."""
    return tuple(getattr(table, field.name) for field in fields(row))


def names_of(row: type) -> str:
    """Return the column names of the dataclass ``row``, for a statement written as SQL."""
    return ", ".join(field.name for field in fields(row))


def now_plus(seconds: float) -> QueryString:
    """Return the time ``seconds`` after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def older_than(created_at: Column, row_id: Column, position: tuple[datetime, UUID]) -> QueryString:
    """Return the condition of the next page of a list ordered by both columns, newest first.

    Postgres compares the pair in one step, so that an index over both columns begins at ``position``.
    """
    return QueryString("({}, {}) < ({}, {})", created_at, row_id, *position)
