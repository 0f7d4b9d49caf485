"""`make sbom` lists each package of a lock with its version and its hashes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".venv/deploy/bin/cyclonedx-py"


@pytest.mark.skipif(not PROGRAM.exists(), reason="make .venv/deploy/.installed")
@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm: install Node")
def test_every_part_is_listed():
    subprocess.run(["make", "sbom"], cwd=ROOT, capture_output=True, check=True)
    made = json.loads((ROOT / "build/sbom/ledger.cdx.json").read_text())
    listed = {part["name"]: part["version"] for part in made["components"]}
    lock = (ROOT / "requirements/ledger.txt").read_text()
    assert listed == dict(re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^\s;\\]+)", lock, re.MULTILINE))
    assert all(part["externalReferences"][0]["hashes"] for part in made["components"])
    page = json.loads((ROOT / "build/sbom/page.cdx.json").read_text())
    packages = {part["name"] for part in page["components"]}
    assert set(json.loads((ROOT / "web/package.json").read_text())["dependencies"]) <= packages
