"""docs/third-party-licences.md matches the locks, and nothing under the GPL is shipped."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
GCC = "the exception lets a program of any licence use the library"
ALLOWED = {
    ("fast-simplification", "libgomp"): GCC,
    ("numpy", "libgfortran"): GCC,
    ("numpy", "libquadmath"): "a shared library of GCC which can be replaced",
    (
        "pi-heif",
        "libde265",
    ): "a shared library which can be replaced; it decodes HEVC, the inside of HEIC photos",
    ("pi-heif", "libheif"): "a shared library which can be replaced; it reads HEIC and AVIF photos",
    ("scipy", "libgfortran"): GCC,
    ("scipy", "libquadmath"): "a shared library of GCC which can be replaced",
    ("setuptools", "autocommand"): "Python source in torch's build dependency, which nothing of ours imports",
    ("torch", "libgfortran"): GCC,
    ("torch", "libgomp"): GCC,
}
"""(wheel, part inside it) -> why its licence is acceptable.

The licence is an LGPL, or a GPL with GCC's exception for run-time libraries.
"""
NAMED = {"pi-heif": "BSD-3-Clause AND LGPL-3.0"}
"""Packages whose own metadata names the LGPL; the parts it is about are in ALLOWED."""
REFUSED = re.compile(r"\b[AL]?GPL|GNU|\bSSPL|\bBUSL|Commons-Clause|CC-BY-NC|Affero", re.IGNORECASE)
TERM = r"(?:[\w.+-]+(?: WITH [\w.-]+)?)"
EXPRESSION = re.compile(rf"\(?{TERM}(?:\)? (?:AND|OR) \(?{TERM})*\)?")


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    """The script, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("licences", ROOT / "deploy" / "licences.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_committed_list_is_up_to_date(licences: ModuleType) -> None:
    committed = (ROOT / "docs" / "third-party-licences.md").read_text()
    assert committed == licences.document(), "run: make licences"


def test_every_locked_package_is_listed_with_its_version() -> None:
    text = (ROOT / "docs" / "third-party-licences.md").read_text()
    listed = {
        (name, version)
        for name, versions in re.findall(r"^\| (\S+) \| ([^|]+) \|", text, re.MULTILINE)
        for version in versions.split(", ")
    }
    locked = [
        pin
        for lock in (ROOT / "requirements").glob("*.txt")
        # Programs that are run, not imported, if at all.
        if lock.stem not in {"deploy", "generators", "java", "node"}
        for pin in re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE)
    ]
    assert len(locked) > 400
    assert sorted(set(locked) - listed) == []


def test_every_licence_is_known(licences: ModuleType) -> None:
    packages = [
        *licences.python_packages(licences.SHIPPED),
        *licences.python_packages(licences.TOOLS),
        *licences.web_packages(),
    ]
    unknown = [(p.name, p.licence) for p in packages if not EXPRESSION.fullmatch(p.licence)]
    assert unknown == [], "name what the licence's text says in READ of deploy/licences.py"


def test_nothing_shipped_is_under_the_gpl(licences: ModuleType) -> None:
    shipped = [*licences.python_packages(licences.SHIPPED), *licences.web_packages()]
    found = {package.name: package.licence for package in shipped if REFUSED.search(package.licence)}
    assert found == NAMED


def test_copyleft_parts_inside_wheels_are_named_with_a_reason(licences: ModuleType) -> None:
    assert set(licences.BUNDLED) == set(ALLOWED)
    assert {name for name, _ in ALLOWED} >= set(NAMED)
    for part, terms in licences.BUNDLED.items():
        assert re.match(r"LGPL-|GPL-3\.0-or-later WITH GCC-exception", terms), part


def test_wheels_hold_no_other_copyleft_parts(licences: ModuleType) -> None:
    found = licences.bundled()
    assert found <= set(ALLOWED)
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):  # wheels differ from system to system
        assert found == set(ALLOWED)


@pytest.mark.parametrize(
    ("metadata", "declared"),
    [
        ("License-Expression: MIT\n", "MIT"),
        ("License: Apache 2.0\n", "Apache-2.0"),
        ("License: MIT License\n        Copyright (c) 2024 Ada\n" + "        as is\n" * 40, "MIT"),
        ("License: MIT\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n",
         "MIT AND GNU General Public License v3 (GPLv3)"),
        ("License: BSD\nClassifier: License :: OSI Approved :: BSD License\n", "BSD"),
        ("License: GPL-3.0\n", "GPL-3.0"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "MIT"),
        ("", ""),
    ],
)  # fmt: skip
def test_metadata_is_read(licences: ModuleType, tmp_path: Path, metadata: str, declared: str) -> None:
    info = tmp_path / "thing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: 1\n{metadata}")
    assert licences.declared(licences.Distribution.at(str(info))) == declared


@pytest.mark.parametrize(
    "terms",
    ["GPL-2.0-only", "AGPL-3.0", "MIT AND GPL-3.0-or-later", "GNU General Public License v3 (GPLv3)",
     "LGPL-3.0", "BSD-3-Clause AND LGPL-3.0", "SSPL-1.0", "GNU Affero General Public License", "BUSL-1.1"],
)  # fmt: skip
def test_refused(terms: str) -> None:
    assert REFUSED.search(terms)


@pytest.mark.parametrize(
    "terms", ["MIT", "Apache-2.0 WITH LLVM-exception", "MPL-2.0", "PSF-2.0", "Unlicense"]
)
def test_not_refused(terms: str) -> None:
    assert not REFUSED.search(terms)


def test_our_own_licence_is_stated_alike_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Private :: Do Not Upload" in project["classifiers"]
    for name in project["license-files"]:
        assert (ROOT / name).is_file()
        assert f"!{name}" in (ROOT / ".dockerignore").read_text().splitlines()
        assert re.search(rf"^COPY pyproject\.toml .*\b{name}\b", _dockerfile(), re.MULTILINE)
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()


def _dockerfile() -> str:
    return (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
