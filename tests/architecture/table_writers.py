"""Finds which module writes which table: in the statements that it holds and in Piccolo's queries.

``python -m tests.architecture.table_writers`` prints the rows of docs/tables.md.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "tables.md"
PACKAGES = ("bus", "gateway", "ledger", "export_consumer", "inference_consumer", "sharpstream")
MIGRATIONS = ROOT / "ledger" / "db" / "migrations"
RUNNER = ROOT / "ledger" / "db" / "migrate.py"
VERBS = {"INSERT INTO": "insert", "UPDATE": "update", "DELETE FROM": "delete"}

Writers: TypeAlias = Mapping[str, set[str]]
"""Module, or function of the database -> what it does: insert (an upsert too), update, delete."""

CREATED = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)")
FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\(.*?\$\$(.*?)\$\$", re.DOTALL)
LOCK = re.compile(r"\bFOR (?:NO KEY )?UPDATE\b|\bDO UPDATE SET\b")
WRITE = re.compile(r"\b(INSERT INTO|DELETE FROM|UPDATE)(?: ONLY)? ([\w{}]+)")
OTHER = re.compile(r"\b(?:TRUNCATE|MERGE INTO|COPY) \w+")
QUERY = ("insert", "update", "delete")


def tables() -> set[str]:
    """Return the tables that the migrations make, and the one that notes them."""
    return {
        name
        for path in (*sorted(MIGRATIONS.glob("*.sql")), RUNNER)
        for name in CREATED.findall(path.read_text())
    }


def classes() -> dict[str, str]:
    """Return Piccolo's class -> its table."""
    found = {}
    for path in sorted((ROOT / "ledger" / "db" / "tables").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                for keyword in node.keywords:
                    if keyword.arg == "tablename" and isinstance(keyword.value, ast.Constant):
                        found[node.name] = str(keyword.value.value)
    return found


def strings(tree: ast.AST) -> Iterator[str]:
    """Yield the module's strings; an f-string as one, with ``{}`` for what is put in; no docstrings."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        else:
            yield from strings(node)


def functions() -> dict[str, str]:
    """Return the functions of the database, as the last migration that names each has them."""
    return {
        f"{name}()": body
        for path in sorted(MIGRATIONS.glob("*.sql"))
        for name, body in FUNCTION.findall(path.read_text())
    }


def of_sql(texts: Iterable[str], known: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (table, verb) of each statement. Raises `ValueError` where the table cannot be read."""
    for text in texts:
        statement = LOCK.sub("", " ".join(text.split()))
        if OTHER.search(statement) and known & set(re.findall(r"\w+", statement)):
            raise ValueError(f"a statement that this check does not read: {statement}")
        for verb, table in WRITE.findall(statement):
            if table in known:
                yield table, VERBS[verb]
            elif "{" in table:
                raise ValueError(f"the name of the table is put in: {statement}")


def of_piccolo(tree: ast.AST, named: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (table, verb) of each query; a loop over tables counts for each of them."""
    loops: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple | ast.List):
            over = [each.id for each in node.iter.elts if isinstance(each, ast.Name) and each.id in named]
            if isinstance(node.target, ast.Name) and over:
                loops[node.target.id] = over
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in QUERY and isinstance(node.value, ast.Name):
            for name in loops.get(node.value.id, [node.value.id]):
                if name in named:
                    yield named[name], node.attr


def writers() -> dict[str, Writers]:
    """Return table -> its writers."""
    known, named = tables(), classes()
    found: dict[str, dict[str, set[str]]] = {name: defaultdict(set) for name in known}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree, module = ast.parse(path.read_text()), str(path.relative_to(ROOT))
            for table, verb in (*of_sql(strings(tree), known), *of_piccolo(tree, named)):
                found[table][module].add(verb)
    for name, body in functions().items():
        for table, verb in of_sql([body], known):
            found[table][name].add(verb)
    return found


def cell(of: Writers) -> str:
    """Return the cell of docs/tables.md that names these writers."""
    return ", ".join(
        f"`{module}` ({', '.join(verb for verb in QUERY if verb in verbs)})"
        for module, verbs in sorted(of.items())
    )


def documented(text: str) -> dict[str, str]:
    """Return table -> the cell of its writers in docs/tables.md."""
    return dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*?) ?\|$", text, re.MULTILINE))


if __name__ == "__main__":
    for table, of in sorted(writers().items()):
        print(f"| `{table}` | ... | {cell(of)} |")  # noqa: T201
