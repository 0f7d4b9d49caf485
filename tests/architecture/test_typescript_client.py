"""The TypeScript client passes its tools, has the project's version and licence, and documents itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.clients import typescript

ROOT = Path(__file__).parents[2]
PACKAGE = json.loads((typescript.FOLDER / "package.json").read_text())


@typescript.tools
def test_the_clients_own_logic() -> None:
    """Its vitest also builds it, and runs what is built."""
    assert re.search(r"Tests .*\d+ passed", typescript.run("node_modules/.bin/vitest", "run"))


@typescript.tools
def test_the_examples_of_the_readme_are_typed(tmp_path: Path) -> None:
    """As JavaScript under `strict`, against the declarations of the built package."""
    typescript.build()
    typescript.installed_in(tmp_path)
    examples = typescript.examples()
    assert len(examples) >= 7
    for number, code in enumerate(examples):
        (tmp_path / f"example_{number}.mjs").write_text(code)
    options = {
        "strict": True, "checkJs": True, "noEmit": True, "target": "ES2022", "module": "nodenext",
        "skipLibCheck": True, "types": ["node"], "typeRoots": [f"{typescript.FOLDER}/node_modules/@types"],
    }  # fmt: skip
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.mjs"]}))
    typescript.run("node_modules/.bin/tsc", "-p", str(tmp_path))


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_the_package_holds_what_is_imported_and_its_licence() -> None:
    packed = subprocess.run(
        ["npm", "pack", "--dry-run", "--json", "--ignore-scripts"],
        cwd=typescript.FOLDER, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = {each["path"] for each in json.loads(packed.stdout)[0]["files"]}
    assert {"LICENSE", "README.md", "package.json", "src/index.ts"} <= files
    assert {name for name in files if ".test." in name or name.startswith("tests/")} == set()


def test_version_and_licence_are_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (PACKAGE["version"], PACKAGE["license"]) == (project["version"], project["license"])
    assert (typescript.FOLDER / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_page_and_client_use_the_same_tools() -> None:
    page = json.loads((ROOT / "web" / "package.json").read_text())
    needed = PACKAGE["dependencies"] | PACKAGE["devDependencies"]
    known = page["dependencies"] | page["devDependencies"]
    assert {name: known.get(name) for name in needed} == needed
