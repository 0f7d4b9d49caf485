"""What becomes the notes of a release, and what must not become a release."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy/release_notes.py"
CHANGELOG = """# Changes

## 1.3.0 (unreleased)

* Not yet.

## 1.2.10 (2026-11-02)

* Better.

### Upgrading

* Run the migrations first.

## 1.2.9 (2026-10-01)

## 1.2.1 (2026-09-01)

* First.
"""


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("deploy_release_notes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notes_are_the_section_and_the_commits_since_the_release_before(program):
    tags = ["v1.2.9", "v1.2.10", "v1.3.0", "v1.2.1", "nightly", "v2.0.0-rc1"]
    made = program.notes("v1.2.10", CHANGELOG, "1.2.10", tags)
    assert made.startswith("* Better.\n\n### Upgrading\n\n* Run the migrations first.\n")
    assert made.endswith("\nAll commits: `git log v1.2.9..v1.2.10`\n")
    assert "First" not in made
    assert "Not yet" not in made


def test_the_last_section_and_the_first_release(program):
    assert program.notes("v1.2.1", CHANGELOG, "1.2.1", ["v1.2.1"]) == "* First.\n\nThe first release.\n"


@pytest.mark.parametrize(
    ("tag", "declared", "why"),
    [
        ("1.2.10", "1.2.10", "no tag of a release"),
        ("v1.2", "1.2", "no tag of a release"),
        ("v1.2.10; id", "1.2.10", "no tag of a release"),
        ("v1.2.10", "1.2.9", "they must agree"),
        ("v1.3.0", "1.3.0", "unreleased"),
        ("v1.2.9", "1.2.9", "nothing under 1.2.9"),
        ("v1.4.0", "1.4.0", "no section 1.4.0"),
        ("v1.2.0", "1.2.0", "no section 1.2.0"),
    ],
)
def test_refused_with_a_sentence(program, tag, declared, why):
    with pytest.raises(program.ReleaseError, match=why):
        program.notes(tag, CHANGELOG, declared, [])


def test_the_program_refuses_a_version_that_this_checkout_does_not_declare():
    done = subprocess.run([sys.executable, SCRIPT, "v999.0.0"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "they must agree" in done.stderr
