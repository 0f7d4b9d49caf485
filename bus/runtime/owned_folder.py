"""Folders from which code or data are loaded: refused where another user could have put something there.

A user who fills a cache that is unpickled, or a folder of programs, runs code as its reader.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from bus.runtime.errors import ConfigurationError

PRIVATE: Final = 0o700
_ROOT: Final = 0


def home() -> Path:
    """Return the user's home folder, the system's for a number with neither HOME nor an entry in passwd."""
    with suppress(RuntimeError):
        return Path.home()
    return Path(os.environ.get("SHARPSTREAM_HOME") or ".sharpstream").absolute()


def cache() -> Path:
    """Return the folder of this user's caches, not made: `SHARPSTREAM_CACHE`, else below the home folder."""
    if chosen := os.environ.get("SHARPSTREAM_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else home() / ".cache") / "sharpstream"


def make(folder: Path) -> Path:
    """Make the folder where it is missing, with mode 0700, and return it.

    Raises `ConfigurationError` as `check` does, and OSError where it cannot be made.
    """
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    check(folder)
    found = folder.stat()
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o022:
        folder.chmod(PRIVATE)
    return folder


def check(folder: Path) -> None:
    """Raise `ConfigurationError` if the folder exists and another user may own what is in it.

    It and all folders above it must belong to this user or to root. Others may write at most above it, and
    only where the sticky bit keeps them from renaming what is not theirs.
    """
    try:
        real = folder.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in (real, *real.parents):
        found = path.stat()
        owner, mode = found.st_uid, found.st_mode
        if owner not in {os.geteuid(), _ROOT}:
            raise ConfigurationError(f"{folder}: {path} belongs to another user; name another folder.")
        if mode & stat.S_IWOTH and (path == real or not mode & stat.S_ISVTX):
            raise ConfigurationError(f"{folder}: every user may write to {path}; take that away (chmod o-w).")
    link = folder.absolute()
    for path in (link, *link.parents):  # who owns a link chooses where it leads
        if path.is_symlink() and path.lstat().st_uid not in {os.geteuid(), _ROOT}:
            raise ConfigurationError(f"{folder}: the link {path} belongs to another user; remove it.")
