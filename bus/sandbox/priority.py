"""The priority of a worker beside all processes of the machine, not only beside its parent.

Where the kernel schedules by session (sched_autogroup(7)), a process's niceness counts within its session
alone, and the session has one of its own. So each worker leads a session: at niceness 10, a photo that takes
its worker to the deadline otherwise takes half a core from the database, as much as the gateway does.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Final

_AGAIN_S: Final = 0.11
"""Without privileges the kernel takes one change of any session in 0.1 s."""
_TRIES: Final = 50


class SessionPriority:
    """The niceness of the session that the process ``pid`` leads; nothing where the kernel has none.

    Made before the process gives up its rights: its files in /proc are root's afterwards.
    """

    def __init__(self, pid: int) -> None:
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open(f"/proc/{pid}/autogroup", os.O_WRONLY | os.O_CLOEXEC)

    def change(self, nice: int) -> None:
        """Set it, soon."""
        if self._file is not None:
            threading.Thread(target=_write, args=(os.dup(self._file), nice), daemon=True).start()

    def close(self) -> None:
        """Close the file; what was to be set still is."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _write(file: int, nice: int) -> None:
    with suppress(OSError):  # the process is gone
        for _ in range(_TRIES):
            try:
                os.write(file, b"%d" % nice)
                break
            except BlockingIOError:
                time.sleep(_AGAIN_S)
    os.close(file)
