"""Landlock: the kernel refuses this process files, TCP and signals to others, whoever it runs as.

https://docs.kernel.org/userspace-api/landlock.html. It holds for the calling thread and what it starts, so it
is entered before any other thread runs. It does not cover `stat`, changes of mode and owner, UDP and Unix
sockets: `bus.sandbox.seccomp` does.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bus.runtime import kernel

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""ABI from which on -> how many rights of files it has; they are the lowest bits."""
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _DEVICES = 1 << 14, 1 << 15
_ON_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICES
"""The rights that a rule for a file, and not a folder, may have."""
_TCP: Final = 0b11  # bind, connect
_SCOPES: Final = 0b11  # abstract Unix sockets, signals
_TCP_SINCE: Final = 4
_SCOPES_SINCE: Final = 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def abi() -> int:
    """Return the kernel's version of Landlock; 0 where it has none."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    except OSError:
        return 0


def restrict(*, read: Sequence[str] = (), write: Sequence[str] = ()) -> list[str]:
    """Allow no more than reading below ``read``, and everything but running below ``write``; never TCP.

    Paths that do not exist are left out. Returns the features that this kernel lacks. Raises `OSError`.
    """
    version = abi()
    if version == 0:
        return ["landlock"]
    every = (1 << max(bits for since, bits in _FILE_RIGHTS.items() if since <= version)) - 1
    rules = _Ruleset(every, _TCP if version >= _TCP_SINCE else 0, _SCOPES if version >= _SCOPES_SINCE else 0)
    size = 8 if version < _TCP_SINCE else 16 if version < _SCOPES_SINCE else 24
    ruleset = kernel.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in read:
            _allow(ruleset, path, every & (_READ_FILE | _READ_DIR))
        for path in write:
            _allow(ruleset, path, every & ~(_EXECUTE | _DEVICES))
        kernel.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    since = {"landlock_tcp": _TCP_SINCE, "landlock_signals": _SCOPES_SINCE}
    return [feature for feature, first in since.items() if version < first]


def _allow(ruleset: int, path: str, rights: int) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if Path(path).is_dir() else rights & _ON_FILES
            rule = _PathBeneath(allowed, beneath)
            kernel.syscall(
                _ADD_RULE,
                ctypes.c_int(ruleset),
                ctypes.c_int(_PATH_BENEATH),
                ctypes.byref(rule),
                ctypes.c_uint32(0),
            )
        finally:
            os.close(beneath)
