"""Piccolo is the query layer of the plain reads and writes; the reasons for what stays SQL are here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SELECTS = "INSERT ... SELECT: Piccolo's INSERT takes values only"
LOCK = "one of the statements of a transaction, in the order of its locks"
EVENT = "a row and its event are one statement, which `write_and_publish` puts together"
SQL = {
    "gateway/accounts/repository.py": {
        "_SIGNED_IN": "asked at each request with an access token, as `_HOLDER` with a key",
    },
    "gateway/accounts/api_keys.py": {
        "_CREATE": EVENT,
        "_REVOKE": EVENT,
        "_HOLDER": "asked at each request with a key; Piccolo needs 0.2 ms of processor time to build it",
        "_OWNER": LOCK,
        "_SIGNED_IN": LOCK,
        "_ACTIVE": LOCK,
        "_END_SHARES": LOCK,
        "_END_ALBUMS": LOCK,
        "_SWEEP": "UPDATE ... FROM: Piccolo's UPDATE takes its values from no other relation",
    },
    "gateway/accounts/quotas.py": {},
    "gateway/scenes/repository.py": {},
    "gateway/scenes/shares.py": {
        "_MAKE": SELECTS,
        "_KEY": LOCK,
        "_COUNT": "UPDATE ... FROM: Piccolo's UPDATE takes its values from no other relation",
    },
    "gateway/scenes/uploads.py": {"_MAKE": SELECTS, "_SWEEP": "Piccolo has no WITH around a DELETE"},
    "gateway/partners/repository.py": {
        "_ADD": SELECTS,
        "held": "SET LOCAL: a setting of the transaction, not a query",
    },
    "gateway/webhooks/repository.py": {},
}
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|SET|LOCK|TRUNCATE)\s")


def statements(tree: ast.AST, owner: str = "") -> Iterator[str]:
    """Yield the name of the constant or else of the function around each string that begins as SQL does."""
    for node in ast.iter_child_nodes(tree):
        name = owner
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = node.name
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            name = target.id if isinstance(target, ast.Name) and target.id.isupper() else owner
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
            yield owner
        yield from statements(node, name)


@pytest.mark.parametrize("path", SQL)
def test_sql_is_written_only_where_piccolo_cannot_say_it(path: str) -> None:
    assert sorted(statements(ast.parse((ROOT / path).read_text()))) == sorted(SQL[path])


def test_the_check_sees_sql_wherever_it_stands() -> None:
    source = '''
_READ: Final = """
SELECT 1"""
_BUILT = f"DELETE FROM {table}"
class Store:
    async def get(self):
        return await self.pool.fetch("UPDATE t SET a = 1")
    async def held(self):
        query = "WITH a AS (SELECT 1) SELECT 2"
        return query.lock_rows("NO KEY UPDATE")
'''
    assert list(statements(ast.parse(source))) == ["_READ", "_BUILT", "get", "held"]
