"""What a pool and its workers say to each other: one MessagePack message a packet, bytes as memory files.

A socket of whole packets keeps messages apart without framing of our own. Bytes pass as descriptors of memory
files, so a photo is copied once by each process and pixels are not copied at all. The pool never unpickles
and never trusts a reply: a worker may have been taken over.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Any, Final

import msgspec

from bus.sandbox.confinement import Confinement

MAX_PACKET: Final = 64 * 1024
MAX_FILES: Final = 4
"""Memory files of one call: its inputs, then its output."""
_FIXED_SIZE: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Start(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The first packet: the module whose `TASKS` it runs, and what it keeps."""

    tasks: str
    confinement: Confinement


class Ready(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The worker's answer: it is confined. ``lacking``: features that the kernel does not have."""

    lacking: list[str]


class Call(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One task. ``sizes`` are of its inputs; ``output_bytes`` of the output, 0 for none."""

    task: str
    arguments: list[Any]
    sizes: list[int]
    output_bytes: int
    alarm_s: int


class Reply(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The end of a call, or what it says before.

    ``kind``: early, with a ``value`` before the end, of a call that goes on; done, with its ``value`` and the
    bytes written of the output; failed, with the error's code,
    sentence and details; memory; or raised, with where, which quotes nothing of the input.
    """

    kind: str
    value: msgspec.Raw = msgspec.Raw(b"\xc0")
    output_bytes: int = 0
    code: str = ""
    message: str = ""
    details: dict[str, int | float | str] = {}


def memory_file(size: int) -> int:
    """Return the descriptor of a new memory file of ``size`` zero bytes, which takes no memory until written.

    It cannot be shortened: reading what was cut off would kill the reader.
    """
    made = os.memfd_create("sharpstream", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(made, size)
        fcntl.fcntl(made, fcntl.F_ADD_SEALS, _FIXED_SIZE)
    except BaseException:
        os.close(made)
        raise
    return made


def memory_file_of(data: bytes) -> int:
    """Return the descriptor of a memory file with these bytes, which cannot be changed."""
    made = os.memfd_create("sharpstream", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(made, left) :]
        fcntl.fcntl(made, fcntl.F_ADD_SEALS, _FIXED_SIZE | fcntl.F_SEAL_WRITE)
    except BaseException:
        os.close(made)
        raise
    return made


def mapped(descriptor: int, size: int, *, writable: bool) -> memoryview:
    """Return the first ``size`` bytes of a memory file, mapped until the view is gone; close it after.

    Writable ones are there at once, because all of them will be written: one fault a page costs more.
    """
    access = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if writable else 0)
    return memoryview(mmap.mmap(descriptor, size, flags=flags, prot=access))
