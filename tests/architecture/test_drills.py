"""`make drills` runs every drill, `make drill` one in turn, and neither hides that there is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import drills

ROOT = Path(__file__).parents[2]
MARK = "@pytest.mark." + "drill\n"  # in two parts: this file holds no drill
HEAD = "import pytest\n\n"
FIRST = f"{MARK}@pytest.mark.parametrize('x', [1, 2])\ndef test_first(x): pass\n"
SECOND = f"{MARK}def test_second(): assert 1 == 2\n\ndef test_other(): pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of its own, with one commit and no tests."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['drill: minutes']\n")
    (tmp_path / "tests").mkdir()
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    return tmp_path


def run(project: Path, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, str(ROOT / "tests" / "drills.py"), *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_that_there_is_no_drill_is_said(project: Path) -> None:
    (project / "tests" / "test_a.py").write_text("def test_other(): pass\n")
    for arguments in ((), ("--one",), ("--list",)):
        status, said = run(project, *arguments)
        assert status == 0
        assert said.startswith("There are no drills")


def test_a_marker_without_a_test_is_a_failure(project: Path) -> None:
    (project / "tests" / "test_a.py").write_text(HEAD + MARK + "def helper(): pass\n")
    status, _ = run(project)
    assert status == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_file_that_cannot_be_read_is_a_failure(project: Path) -> None:
    (project / "tests" / "test_a.py").write_text(HEAD + MARK + "def test_first(: pass\n")
    status, said = run(project)
    assert status == pytest.ExitCode.INTERRUPTED
    assert "SyntaxError" in said


def test_all_are_run_and_nothing_else(project: Path) -> None:
    (project / "tests" / "test_a.py").write_text(HEAD + FIRST)
    (project / "tests" / "test_b.py").write_text(HEAD + SECOND)
    status, said = run(project)
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 2 passed" in said


def test_one_is_run_by_itself(project: Path) -> None:
    (project / "tests" / "test_a.py").write_text(HEAD + FIRST)
    (project / "tests" / "test_b.py").write_text(HEAD + SECOND)
    status, said = run(project, "--one", "2")
    assert status == 0
    assert said.startswith("The drill in turn: tests/test_a.py\n")
    assert "2 passed" in said


def test_the_commit_chooses(project: Path) -> None:
    assert drills.in_turn(["a", "b", "c"], "4") == "b"
    assert drills.in_turn(["a", "b", "c"], "0" * 38 + "10") == "b"  # sixteen, in base 16
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True
    )
    (project / "tests" / "test_b.py").write_text(HEAD + SECOND)
    assert len(head.stdout.strip()) == 40
    assert run(project, "--list") == (0, "0  tests/test_b.py\n")


def test_the_tests_of_a_file_are_one_drill() -> None:
    listed = "tests/a.py::test_x[1 b]\ntests/a.py::C::test_y\ntests/b/c.py::test_z\n\n3 tests collected\n"
    assert drills.drills(listed) == ["tests/a.py", "tests/b/c.py"]


def test_the_tiers_part_the_tests() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (default,) = re.findall(r'^PYTEST_ARGS \?= .*-m "(.*)"$', makefile, re.MULTILINE)
    assert default == "not full and not cluster and not drill"
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert {"full", "cluster", "drill"} <= {marker.partition(":")[0] for marker in options["markers"]}
