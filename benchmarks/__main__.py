"""Runs the benchmarks in turn: ``python -m benchmarks [NAME ...]``; each has its own ``--help``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> int:
    """Run the named benchmarks, or all; stop at the first that fails."""
    present = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    wanted = sys.argv[1:] or present
    if unknown := set(wanted) - set(present):
        print(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(present)}.")
        return 2
    for name in wanted:
        print(f"== {name}", flush=True)
        if status := subprocess.run([sys.executable, FOLDER / f"{name}.py"], check=False).returncode:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
