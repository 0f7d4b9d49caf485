"""Data that is begun anew is renamed, never removed."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from sharpstream.stack.state_dir import sync_folder


def set_aside(path: Path) -> Path | None:
    """Rename a folder or file to a name that is free, and return that; nothing of a home is ever removed."""
    if not path.exists():
        return None
    day = time.strftime("%Y%m%d")
    names = (path.with_name(f"{path.name}.aside-{day}-{number}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    sync_folder(path.parent)
    return aside
