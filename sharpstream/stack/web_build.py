"""Builds the web page if Node is installed, and only if its sources have changed since the last build.

Without Node, or where npm cannot fetch packages, the system runs all the same. The gateway then shows a plain
page, and `up` says why.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sharpstream.stack.errors import MissingToolError, StackError, StartError

SOURCES: Final = Path(__file__).resolve().parents[2] / "web"
BUILT: Final = SOURCES / "dist"
MINIMUM_NODE: Final = (20, 19)  # required by Vite 8
_MADE: Final = frozenset({"node_modules", "dist", "dist.partial"})
_STAMP: Final = ".built-from"
_INSTALLED: Final = SOURCES / "node_modules" / ".installed-from"


def built() -> Path | None:
    """Return the folder of the built page, None where there is none."""
    return BUILT if (BUILT / "index.html").is_file() else None


def note() -> str:
    """Return a note on the page for the user, empty if there is none."""
    if not SOURCES.is_dir() or is_current():
        return ""
    return "older than its sources" if built() else "a plain one: the web page is not built"


def build(say: Callable[[str], None]) -> None:
    """Build the page unless it is current. Raises `StackError` that says what is missing or went wrong."""
    if not SOURCES.is_dir() or is_current():
        return
    npm = _npm()
    with _only_one():
        if is_current():
            return
        lock = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
        if _read(_INSTALLED) != lock:
            say("fetching what the web page is built from, once (npm)")
            _run(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
            _INSTALLED.write_text(lock)
        say("building the web page")
        _run(npm, "run", "--silent", "build", "--", "--outDir=dist.partial", "--emptyOutDir")
        _install()


def is_current() -> bool:
    """Return whether the built page matches the current sources."""
    return built() is not None and _read(BUILT / _STAMP) == _fingerprint()


def _install() -> None:
    partial = SOURCES / "dist.partial"
    (partial / _STAMP).write_text(_fingerprint())
    shutil.rmtree(BUILT, ignore_errors=True)
    partial.rename(BUILT)


def _fingerprint() -> str:
    """Return a hash of the sources: of their content, because a checkout changes files' times."""
    digest = hashlib.sha256()
    for path in sorted(_sources(SOURCES)):
        digest.update(f"{path.relative_to(SOURCES)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _MADE:
            continue
        if path.is_dir():
            yield from _sources(path)
        elif not path.name.startswith(".") and not path.name.endswith((".md", ".test.ts")):
            yield path


def _npm() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    how = f"install Node {'.'.join(map(str, MINIMUM_NODE))} or later for the web page, then start anew"
    if node is None or npm is None:
        raise MissingToolError(f"there is no `node` or no `npm` on the PATH: {how}")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < MINIMUM_NODE:
        raise MissingToolError(f"{node} is {said.strip() or 'broken'}: {how}")
    return npm


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        words = [line for line in (done.stderr + done.stdout).splitlines() if len(line) > len("npm error ")]
        raise StartError(f"`npm {' '.join(command[1:3])}` failed: {' '.join(words[:3]) or 'it said nothing'}")


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


@contextmanager
def _only_one() -> Iterator[None]:
    """Lock the checkout, which stacks that start at once share."""
    with (SOURCES / ".building").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build the page by its own command, for which a failure is an error."""
    try:
        build(_report)
    except StackError as error:
        _report(f"The web page is not built: {error.message}.")
        return 1
    return 0


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
