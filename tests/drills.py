"""``python -m tests.drills``: the tests marked ``drill``, all of them or one in turn.

A drill takes minutes, up to 15, which is too long for ``make test``. ``--one`` runs the drill whose turn it
is: the hash of the commit, as a number, chooses; a commit always gets the same one, and each runs every few
commits. Where no file has the marker, a sentence says so and the exit status is 0. A marker without a test is
a failure.
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
    """Run what was asked for, in the working directory; the exit status is pytest's."""
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
    """Return the test functions in pytest's list of tests, each once: without its parameters."""
    lines = (line.partition("[")[0] for line in collected.splitlines())
    return list(dict.fromkeys(line for line in lines if re.fullmatch(r"[\w/.-]+\.py(::\w+)+", line)))


def in_turn(names: Sequence[str], number: str) -> str:
    """Return the drill that a number or a commit's hash, which is a number in base 16, stands for."""
    return names[int(number, 10 if len(number) < 40 else 16) % len(names)]


def _commit() -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
