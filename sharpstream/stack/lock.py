"""At most one supervisor per home. The kernel releases the lock with the process; it is never stale."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from sharpstream.stack.state_dir import Home


@contextmanager
def only_one(home: Home) -> Iterator[bool]:
    """Yield whether we are this home's only supervisor, for as long as the block runs. Raises `HomeError`."""
    with home.writing():
        lock = (home.run / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
