"""Two builds of the system beside each other: the last release as it was, and this tree with a change more.

The last release is a git worktree of the commit in ``deploy/last_release``, with an environment from its own
lock. The new one is a copy of this tree with a new version of an event, a new field in another, and two new
migrations, so that the upgrade has each of them whatever the release holds itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bus", "photo", "ledger", "gateway", "inference_consumer", "export_consumer", "sharpstream")
MIGRATIONS = {
    "9000_drill": "ALTER TABLE scene_generations ADD COLUMN drill text;\n",
    "9001_drill_index": "-- outside a transaction\n"
    "CREATE INDEX CONCURRENTLY scene_generations_drill ON scene_generations (drill, created_at);\n",
}
VERSION_2 = '''class GenerationStartedV2(Message, frozen=True, kw_only=True, tag="generation.started.v2"):
    """A worker took the job; it says on which device it works."""

    generation_id: UUID
    account_id: UUID
    worker: str
    device: str
    attempt: int = 1


class GenerationProgress('''
LAST_FIELD = "    thumbnail: BlobRef | UnsetType = UNSET\n"
CHANGES = {
    "bus/contract/messages.py": (
        ("class GenerationProgress(", VERSION_2),
        ("= GenerationStarted | Gen", "= GenerationStarted | GenerationStartedV2 | Gen"),
        (" | GenerationStarted()\n", " | GenerationStarted() | GenerationStartedV2()\n"),
        (f"{LAST_FIELD}\n\nclass GenerationF",
         f"{LAST_FIELD}    drilled: bool | UnsetType = UNSET\n\n\nclass GenerationF"),
    ),
    "inference_consumer/pipeline.py": (
        ("    GenerationStarted,\n", "    GenerationStartedV2,\n"),
        (" GenerationStarted(\n", " GenerationStartedV2(\n                device='cpu',\n"),
    ),
    "inference_consumer/handlers.py": (
        ("focal_source=made.focal_source,\n", "focal_source=made.focal_source, drilled=True,\n"),
    ),
    "ledger/progress.py": (
        ("import GenerationStarted\n", "import GenerationStarted, GenerationStartedV2\n"),
        ("isinstance(event.message, GenerationStarted)",
         "isinstance(event.message, (GenerationStarted, GenerationStartedV2))"),
    ),
}  # fmt: skip
"""File -> texts to replace. A text that is not there any more fails the drill."""


@dataclass(frozen=True)
class Build:
    """One build: the interpreter with its packages, and the environment to run its modules in."""

    name: str
    python: Path
    environment: Mapping[str, str]

    def command(self, *module: str) -> list[str]:
        """Return how one of its modules is run; -P keeps the current folder off the module path."""
        return [str(self.python), "-P", "-m", *module]

    def run(self, environment: Mapping[str, str], *module: str, good: int = 0) -> str:
        """Run a command to its end, as an operator does; return its output."""
        done = subprocess.run(
            self.command(*module),
            env={**environment, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == good, f"{self.name}: {' '.join(module)}\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def last_release(folder: Path) -> Iterator[Build]:
    """Yield the last release, made in ``folder``."""
    commit = (ROOT / "deploy" / "last_release").read_text().strip()
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    if known.returncode:
        pytest.skip(f"this checkout has no commit {commit}: fetch the whole history (git fetch --unshallow)")
    tree, uv = folder / "last", str(Path(sys.executable).with_name("uv"))
    _done(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit], ROOT)
    try:
        python = tree / ".venv" / "bin" / "python"
        _done([uv, "venv", "--quiet", "--python", sys.executable, str(tree / ".venv")], tree)
        sync = [
            uv,
            "pip",
            "sync",
            "--quiet",
            "--python",
            str(python),
            "--require-hashes",
            "requirements/run.txt",
        ]
        _done(sync, tree)
        _done(
            [uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", "--editable", "."], tree
        )
        yield Build("last release", python, {})
    finally:
        _done(["git", "worktree", "remove", "--force", str(tree)], ROOT)


def this_release(folder: Path) -> Build:
    """Return this tree with the changes of the drill, copied into ``folder``."""
    tree = folder / "this"
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tree / package, ignore=ignored)
    for path, changes in CHANGES.items():
        text = (tree / path).read_text()
        for old, new in changes:
            assert old in text, f"{path} has changed: bring the drill up to date"
            text = text.replace(old, new, 1)
        (tree / path).write_text(text)
    for name, sql in MIGRATIONS.items():
        (tree / "ledger" / "db" / "migrations" / f"{name}.sql").write_text(sql)
    return Build("this release", Path(sys.executable), {"PYTHONPATH": str(tree)})


def _done(command: list[str], folder: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
