"""The TypeScript client as its users have it: built, installed, and the examples of its README."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).parents[2] / "clients" / "typescript"
README_URL: Final = "http://127.0.0.1:8080"
"""The address in the examples."""
tools = pytest.mark.skipif(
    not (FOLDER / "node_modules" / ".bin" / "vitest").exists() or shutil.which("node") is None,
    reason="the client's tools are not installed: install Node 20.19 or later, then run make browser",
)


def run(program: str, *arguments: str, cwd: Path = FOLDER, **environment: str) -> str:
    """Run a program of the client's folder, or of the PATH; return what it printed."""
    path = FOLDER / program if "/" in program else program
    done = subprocess.run(
        [path, *arguments], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def build() -> None:
    """Make `dist`, which the package consists of, once for each state of its sources."""
    digest = hashlib.sha256()
    for path in sorted([*FOLDER.glob("src/*.ts"), *FOLDER.glob("tsconfig*.json")]):
        digest.update(path.read_bytes())
    stamp = FOLDER / "dist" / ".built-from"
    with (FOLDER / "node_modules" / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers share the folder
        if stamp.is_file() and stamp.read_text() == digest.hexdigest():
            return
        run("node_modules/.bin/tsc", "-p", "tsconfig.build.json")
        stamp.write_text(digest.hexdigest())


def installed_in(folder: Path) -> None:
    """Install the client in a folder, as `npm install` of a path does."""
    scope = folder / "node_modules" / "@sharpstream"
    scope.mkdir(parents=True)
    (scope / "client").symlink_to(FOLDER)


def examples() -> list[str]:
    """Return the programs of the README in order."""
    return re.findall(r"^```js\n(.*?)^```$", (FOLDER / "README.md").read_text(), re.MULTILINE | re.DOTALL)
