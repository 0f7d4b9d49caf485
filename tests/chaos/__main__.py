"""``python -m tests.chaos``: runs the whole suite, or the rest of an interrupted one, then writes the report.

Exit status 1 if a fault was found.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos import report
from tests.chaos.run import Run, say, to_json

KILLS, OTHERS = 25, 9
"""Per round; eight rounds are 200 kills."""
BUILD = Path(__file__).parents[2] / "build" / "chaos"


def main() -> int:
    """Run the remaining rounds of the seed, and write the report of all."""
    options = _parser().parse_args()
    kept = BUILD / f"{options.seed}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if options.do == "run":
        done = len(kept.read_text().splitlines()) if kept.exists() else 0
        say(f"CHAOS_SEED={options.seed}, {done} of {options.rounds} rounds are done")
        asyncio.run(_run(options, range(done, options.rounds), kept))
    return 1 if report.write(kept) else 0


def new_home() -> Path:
    """Return a folder that Postgres can enter, which runs as another user when this process is root."""
    home = Path(tempfile.mkdtemp(prefix="sharpstream-chaos-", dir="/var/tmp"))
    home.chmod(0o755)
    return home


async def _run(options: argparse.Namespace, turns: range, kept: Path) -> None:
    home = new_home()
    run = Run(options.seed, home)
    faults = 0
    async for done in run.rounds(turns, kills=options.kills, others=options.others):
        with kept.open("a") as file:
            file.write(to_json(done) + "\n")
        faults += len(done.faults)
        if faults:
            say(f"a promise was broken; everything is left as it is in {home}")
            return
    shutil.rmtree(home)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("do", nargs="?", choices=["run", "report"], default="run")
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(2**32))
    parser.add_argument("--seed", type=int, default=seed, help="the schedule; CHAOS_SEED is the same")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--kills", type=int, default=KILLS, help="of each round")
    parser.add_argument("--others", type=int, default=OTHERS, help="blows of each round that are no kills")
    return parser


if __name__ == "__main__":
    sys.exit(main())
