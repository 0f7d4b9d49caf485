"""All roles have the same file names and the same structure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROLES = ("gateway", "inference_consumer", "export_consumer", "ledger")
FILES = ("__init__.py", "__main__.py", "app.py", "settings.py", "errors.py", "handlers.py", "py.typed")
SOURCES = sorted(
    path
    for package in (*ROLES, "bus", "photo", "sharpstream")
    for path in (ROOT / package).rglob("*.py")
    if "__pycache__" not in path.parts
)


@pytest.mark.parametrize("role", ROLES)
def test_roles_have_the_same_file_names(role: str) -> None:
    assert [name for name in FILES if not (ROOT / role / name).is_file()] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_one_composition_root(role: str) -> None:
    tree = ast.parse((ROOT / role / "app.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in functions["create_app"].args.args] == ["settings"]


@pytest.mark.parametrize("role", ROLES)
def test_main_only_starts(role: str) -> None:
    tree = ast.parse((ROOT / role / "__main__.py").read_text())
    defined = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Lambda)]
    assert defined == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path}: no module docstring"


def test_no_file_has_two_ideas() -> None:
    long = {str(path.relative_to(ROOT)) for path in SOURCES if len(path.read_text().splitlines()) > 350}
    assert long == set()
