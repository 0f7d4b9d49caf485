"""``python -m tests.drills`` runs the tests marked ``drill``, all of them or those of one file.

A drill, the marked tests of one file, takes minutes, up to 15, which is too long for ``make test``. ``--one``
runs the drill that the hash of the commit, as a number, selects: a commit always gets the same one, and each
runs every few commits. If no file has the marker, the program says so and its exit status is 0. A marker
without a test is a failure.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PYTEST = (sys.executable, "-m", "pytest", "-m", "drill")
MARKER = "pytest.mark.drill"


def main(arguments: list[str] | None = None) -> int:
    """Run the selected drills in the working directory; return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description="Runs the drills.")
    parser.add_argument("--list", action="store_true", help="name them, numbered as --one takes them")
    parser.add_argument(
        "--one", nargs="?", const="", metavar="N", help="one drill; default: by the commit's hash"
    )
    options = parser.parse_args(arguments)
    files = sorted(str(path) for path in Path("tests").rglob("test_*.py") if MARKER in path.read_text())
    if not files:
        sys.stdout.write(f"There are no drills: no test is marked {MARKER}.\n")
        return 0
    command = [*PYTEST, "--collect-only", "--quiet", *files]
    collected = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if collected.returncode:
        sys.stdout.write(collected.stdout)
        return collected.returncode
    names = drills(collected.stdout)
    if options.list:
        sys.stdout.write("".join(f"{number}  {name}\n" for number, name in enumerate(names)))
        return 0
    if options.one is not None:
        names = [in_turn(names, options.one or _commit())]
        sys.stdout.write(f"The drill in turn: {names[0]}\n")
    sys.stdout.flush()
    return subprocess.call([*PYTEST, "--durations=0", *names])


def drills(collected: str) -> list[str]:
    """Return the files in pytest's list of tests, each once."""
    lines = re.findall(r"^([\w/.-]+\.py)::", collected, re.MULTILINE)
    return list(dict.fromkeys(lines))


def in_turn(names: Sequence[str], number: str) -> str:
    """Return the drill selected by a number, or by a commit's hash as a number in base 16."""
    return names[int(number, 10 if len(number) < 40 else 16) % len(names)]


def _commit() -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
