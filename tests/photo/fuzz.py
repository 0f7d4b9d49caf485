"""``python -m tests.photo.fuzz [COUNT] [FIRST]``: reads that many mutated files in processes with limits.

A file may be read or refused by a `PhotoError`; anything else is a finding: another exception, a crash, more
than `SECONDS` of CPU, or memory beyond the limit. Prints JSON, and exits with 1 where there are findings.
"""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import resource
import sys
import time
from collections import Counter
from typing import Any

from photo import reader
from photo.errors import PhotoError
from tests.photo.mutations import mutated, seeds

COUNT = 100_000
MEMORY = 1 << 30
SECONDS = 15.0
PIECE = 500
"""Files of one process: a crash is found within it."""


def outcome(data: bytes) -> str:
    """Return what became of a file: ``read`` or a code. Raises what must not happen."""
    try:
        facts = reader.check(data)
        picture = reader.read(data)
        reader.pictures_of(data)
    except PhotoError as error:
        if not error.message.endswith(".") or len(error.message) > 300:
            raise AssertionError(error.message) from error
        return error.code
    if picture.pixels.shape != (facts.height, facts.width, 3):
        raise AssertionError((picture.pixels.shape, facts))
    return "read"


def piece(first: int, count: int, answers: Any) -> None:
    """Read the files of these seeds, and send what became of them."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reader.prepare()
    whole = seeds()
    for seed in range(first, first + count):
        answers.send((seed, "began", 0.0))
        began = time.process_time()
        try:
            found = outcome(mutated(seed, whole))
        except BaseException as error:  # noqa: BLE001  (a finding)
            found = f"! {type(error).__name__}: {error}"[:200]
        spent = time.process_time() - began
        answers.send((seed, found if spent < SECONDS else f"! {spent:.1f} s", spent))
    answers.send(None)


def run(count: int, first: int) -> dict[str, Any]:
    """Return the outcomes, the findings by seed, and the slowest file."""
    outcomes: Counter[str] = Counter()
    findings: dict[int, str] = {}
    slowest, context = 0.0, multiprocessing.get_context("spawn")
    at = first
    while at < first + count:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=piece, args=(at, min(PIECE, first + count - at), theirs))
        process.start()
        theirs.close()
        last = at
        try:
            while (answer := ours.recv()) is not None:
                last, found, spent = answer
                if found != "began":
                    slowest = max(slowest, spent)
                    outcomes["finding" if found.startswith("!") else found] += 1
                    if found.startswith("!"):
                        findings[last] = found
        except EOFError:
            process.join()
            findings[last] = f"the process died with {process.exitcode}"
            outcomes["finding"] += 1
        process.join()
        at = last + 1
    return {
        "files": count,
        "outcomes": dict(outcomes),
        "findings": findings,
        "slowest_cpu_s": round(slowest, 2),
    }


def main() -> int:
    """Run, print, and return the exit status."""
    given = [int(each) for each in sys.argv[1:]]
    result = run(*(given + [COUNT, 0][len(given) :]))
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 1 if result["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
