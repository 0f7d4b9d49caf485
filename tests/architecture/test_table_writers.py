"""docs/tables.md names the modules that may write each table; nothing else does."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.table_writers import DOCS, cell, classes, documented, of_piccolo, of_sql, strings
from tests.architecture.table_writers import writers as found

KNOWN = {"users", "shares", "outbox"}


def test_every_table_is_written_by_the_documented_modules_alone() -> None:
    lists, now = documented(DOCS.read_text()), found()
    assert {name: cell(of) for name, of in now.items()} == lists, "python -m tests.architecture.table_writers"
    assert all(now.values()), "a table that nothing writes"


def test_every_class_of_piccolo_is_a_table() -> None:
    assert set(classes().values()) <= set(found())
    assert len(classes()) >= 25


def sql(source: str) -> list[tuple[str, str]]:
    return list(of_sql(strings(ast.parse(source)), KNOWN))


def test_statements_are_read_wherever_they_stand() -> None:
    source = '''
"""INSERT INTO users: a docstring writes nothing."""
_LOCK = "SELECT FROM users FOR UPDATE OF users"
_UPSERT = """INSERT INTO users (id)
VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = $1"""
_SWEEP = f"WITH gone AS (DELETE FROM shares WHERE id < {LIMIT}) INSERT INTO outbox SELECT 1"
async def f(connection):
    await connection.execute("UPDATE"
        " users SET id = 1")
'''
    assert sql(source) == [
        ("users", "insert"),
        ("shares", "delete"),
        ("outbox", "insert"),
        ("users", "update"),
    ]


@pytest.mark.parametrize(
    "statement", ['f"DELETE FROM {table}"', '"TRUNCATE users"', '"COPY users FROM stdin"']
)
def test_a_statement_that_cannot_be_read_is_refused(statement: str) -> None:
    with pytest.raises(ValueError, match=r"does not read|is put in"):
        sql(f"_QUERY = {statement}")


def test_queries_of_piccolo_are_read_in_loops_too() -> None:
    source = """
async def f(pool, found):
    found.update(1)
    await run(pool, User.insert(user))
    for table in (User, Share):
        await run(pool, table.delete().where(table.id == 1))
"""
    named = {"User": "users", "Share": "shares"}
    assert sorted(of_piccolo(ast.parse(source), named)) == [
        ("shares", "delete"),
        ("users", "delete"),
        ("users", "insert"),
    ]
