"""Log files: read their ends, follow them, and keep them from filling the disk."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sharpstream.stack.errors import SettingsError

MIB_KEY: Final = "SHARPSTREAM_LOG_MIB"
DAYS_KEY: Final = "SHARPSTREAM_LOG_DAYS"
"""The environment variables of `Limits`."""
_DAY_S: Final = 86_400.0
_ROTATED: Final = "rotated"
"""An empty file among the logs: it was written when all of them were rotated last."""
_POLL_INTERVAL_S: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How large a log grows before it is rotated, and for how many days a line is kept; None is no limit."""

    mib: int = 20
    days: int | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment. Raises `SettingsError`."""
        mib, days = (_whole(environ, key) for key in (MIB_KEY, DAYS_KEY))
        return cls(days=days) if mib is None else cls(mib=mib, days=days)


def _whole(environ: Mapping[str, str], key: str) -> int | None:
    text = environ.get(key, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 3650):
        raise SettingsError(f"{key}={text}: write a whole number from 1 to 3650.")
    return int(text)


def shorten(path: Path, limits: Limits) -> None:
    """Rotate a log that is longer than ``limits.mib``."""
    if path.exists() and path.stat().st_size > limits.mib * 1024 * 1024:
        rotate(path)


def rotate(path: Path) -> None:
    """Copy a log (one old copy is kept) and truncate it.

    The writers hold it open for appending, so they continue at its new end. Lines that are written between
    copy and truncation are lost, which is acceptable for a log.
    """
    shutil.copyfile(path, path.with_suffix(".log.1"))
    os.truncate(path, 0)


def expire(logs: Path, limits: Limits) -> None:
    """Rotate every log once half of ``limits.days`` has passed since they were last.

    So a line lies in the log for one half at most, and in its old copy for the other.
    """
    if limits.days is None:
        return
    last = logs / _ROTATED
    if not last.exists():
        last.touch()
    elif time.time() - last.stat().st_mtime >= limits.days * _DAY_S / 2:
        for path in logs.glob("*.log"):
            rotate(path)
        last.touch()


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
