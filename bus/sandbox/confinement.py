"""Takes a worker's rights away, once and for good, before it sees the first of a stranger's bytes."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path
from typing import Final

import msgspec

from bus.runtime import kernel
from bus.sandbox import landlock, seccomp

_DESCRIPTORS: Final = 64
"""The socket, the bytes of a call, and what libraries hold open since their start."""


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker keeps.

    ``address_space_bytes`` limits all mappings, ``data_bytes`` only what is written; 0 for no limit. ``read``
    and ``write`` are the folders and files that it may still open. ``threads``: whether it may start threads.
    ``nice`` is added to its niceness.
    """

    address_space_bytes: int = 0
    data_bytes: int = 0
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    threads: bool = False
    nice: int = 0


def confine(kept: Confinement) -> list[str]:
    """Confine this process; return the features that the kernel lacks. The process has one thread so far.

    Raises `OSError` where a limit that every Linux has cannot be set.
    """
    with contextlib.suppress(OSError):  # no /proc: then all processes are alike to the kernel's killer
        Path("/proc/self/oom_score_adj").write_text("1000")
    # It leads a session of its own (`bus.sandbox.priority`), which nothing that ends its parent's reaches.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(kept.nice)
    _limit(kept)
    _let_go_of_output()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    lacking = []
    try:
        kernel.drop_capabilities()
    except OSError:
        lacking.append("capabilities")
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    try:
        lacking += landlock.restrict(read=kept.read, write=kept.write)
    except OSError:  # a container that forbids the calls
        lacking.append("landlock")
    return lacking + seccomp.restrict(files=bool(kept.read or kept.write), threads=kept.threads)


def _limit(kept: Confinement) -> None:
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 0}
    if kept.address_space_bytes:
        limits[resource.RLIMIT_AS] = kept.address_space_bytes
    if kept.data_bytes:
        limits[resource.RLIMIT_DATA] = kept.data_bytes
    if not kept.threads:
        limits[resource.RLIMIT_NPROC] = 0
    if not kept.write:
        limits[resource.RLIMIT_FSIZE] = 0
    if not kept.read and not kept.write:
        limits[resource.RLIMIT_NOFILE] = _DESCRIPTORS
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


def _let_go_of_output() -> None:
    """Point standard output and error nowhere: what a library prints may quote a stranger's file."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
