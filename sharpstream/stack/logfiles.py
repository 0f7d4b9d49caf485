"""Log files: read their ends, follow them, and keep them from filling the disk."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

LONGEST_BYTES: Final = 20 * 1024 * 1024
_POLL_INTERVAL_S: Final = 0.2


def shorten(path: Path) -> None:
    """Rotate a log of more than 20 MB: copy it (one old copy is kept) and truncate it.

    The writers hold it open for appending, so they continue at its new end. Lines that are written between
    copy and truncation are lost, which is acceptable for a log.
    """
    if path.exists() and path.stat().st_size > LONGEST_BYTES:
        shutil.copyfile(path, path.with_suffix(".log.1"))
        os.truncate(path, 0)


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines; none when there is no such file."""
    if not path.exists():
        return []
    with path.open(errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=lines)]


def last_line(path: Path) -> str:
    """Return the last line that is not empty."""
    said = [line.strip() for line in tail(path, 20) if line.strip()]
    return said[-1] if said else "it said nothing"


def progress_in(line: str) -> str:
    """Return a role's log line for people: the event, and the progress in bytes if it has one."""
    try:
        entry = json.loads(line)
        event = str(entry["event"]).replace("_", " ")
    except (ValueError, KeyError, TypeError):
        return line
    have, total = entry.get("bytes"), entry.get("of")
    return f"{event}, {have / total:.0%} of {total / 1e9:.1f} GB" if have and total else event


def follow(paths: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Yield (name, line) for each line written from now on, endlessly."""
    ends = {name: path.stat().st_size if path.exists() else 0 for name, path in paths.items()}
    while True:
        quiet = True
        for name, path in paths.items():
            for line in _news(path, ends, name):
                quiet = False
                yield name, line
        if quiet:
            time.sleep(_POLL_INTERVAL_S)


def _news(path: Path, ends: dict[str, int], name: str) -> list[str]:
    """Return complete new lines and advance the position; a file that shrank is read from its start."""
    if not path.exists():
        return []
    if path.stat().st_size < ends[name]:
        ends[name] = 0
    with path.open("rb") as file:
        file.seek(ends[name])
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    ends[name] += len(whole)
    return whole.decode(errors="replace").splitlines()
