"""A seccomp filter: system calls that reach out of the process fail with EPERM.

A list of what is denied, and not of what is allowed: what a worker computes with is harmless, and a library's
new version may need another harmless call. Numbers for x86_64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final, NamedTuple

from bus.runtime import kernel


class _Machine(NamedTuple):
    """``audit``: its name in a filter; ``column``: of the tables below; ``seccomp``: number of that call."""

    audit: int
    column: int
    seccomp: int


_MACHINES: Final = {"x86_64": _Machine(0xC000003E, 0, 317), "aarch64": _Machine(0xC00000B7, 1, 277)}
_Numbers = dict[str, tuple[int | None, int | None]]

_OUTSIDE: Final[_Numbers] = {
    # the network, and processes by a socket
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "accept": (43, 202),
    "accept4": (288, 242), "bind": (49, 200), "listen": (50, 201),
    # other programs, and new processes (clone: below)
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # other processes: their memory, signals (tgkill: below), limits, priorities, descriptors
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "setpriority": (141, 140), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
    "move_pages": (279, 239), "migrate_pages": (256, 238), "setrlimit": (160, 164),
    # what processes of one user share
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "msgget": (68, 186), "msgsnd": (69, 189), "mq_open": (240, 180),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # large and young parts of the kernel, where its own faults are
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "personality": (135, 92),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262),
}  # fmt: skip
_FILES: Final[_Numbers] = {
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None),
    "truncate": (76, 45), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35),
    "symlink": (88, None), "symlinkat": (266, 36), "mkdir": (83, None), "mkdirat": (258, 34),
    "rmdir": (84, None), "mknod": (133, None), "mknodat": (259, 33), "chdir": (80, 49),
    "readlink": (89, None), "readlinkat": (267, 78), "getdents64": (217, 61),
}  # fmt: skip
_MODES: Final[_Numbers] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "removexattr": (197, 14), "lremovexattr": (198, 15),
}  # fmt: skip
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
_TGKILL: Final = (234, 131)
_PRLIMIT: Final = (302, 261)
_CLONE_THREAD: Final = 0x0001_0000
_X32: Final = 0x4000_0000
"""The bit of a second table of numbers on x86_64, which would pass by the first."""

_SET_MODE_FILTER: Final = 1
_EVERY_THREAD: Final = 1
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW: Final = 0x7FFF_0000
_DENY: Final = 0x0005_0000
_KILL: Final = 0x8000_0000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in the kernel's `struct seccomp_data`; of an argument the lower half, as both are little-endian."""
_Step = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def restrict(*, files: bool, threads: bool) -> list[str]:
    """Deny what leads out of this process; without ``files`` any path, without ``threads`` new threads.

    Needs `no_new_privs`. Returns ``["seccomp"]`` where this machine has no filter for it.
    """
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return ["seccomp"]
    steps = _steps(machine, files=files, threads=threads)
    program = _Program(len(steps), b"".join(struct.pack("=HBBI", *step) for step in steps))
    try:
        kernel.syscall(
            machine.seccomp,
            ctypes.c_uint(_SET_MODE_FILTER),
            ctypes.c_uint(_EVERY_THREAD),
            ctypes.byref(program),
        )
    except OSError:  # a kernel without it, or a container that forbids it
        return ["seccomp"]
    return []


def _steps(machine: _Machine, *, files: bool, threads: bool) -> list[_Step]:
    denied = _OUTSIDE | _MODES | ({} if files else _FILES)
    numbers = [each[machine.column] for each in denied.values()]
    deny = (_RETURN, 0, 0, _DENY | errno.EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    steps: list[_Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        deny,
    ]
    for number in numbers:
        if number is not None:
            steps += [(_EQUAL, 0, 1, number), deny]
    # The C library then uses clone, whose flags, unlike those of clone3, can be read here.
    steps += [(_EQUAL, 0, 1, _CLONE3[machine.column]), (_RETURN, 0, 0, _DENY | errno.ENOSYS)]
    thread = [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_ANY_BIT, 0, 1, _CLONE_THREAD), allow] if threads else []
    steps += _of(_CLONE[machine.column], [*thread, deny])
    for call, target in ((_TGKILL, os.getpid()), (_PRLIMIT, 0)):  # only at itself: abort(), sysconf()
        own: list[_Step] = [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_EQUAL, 0, 1, target), allow]
        steps += _of(call[machine.column], [*own, deny])
    return [*steps, allow]


def _of(number: int, steps: list[_Step]) -> list[_Step]:
    """Return the steps that are taken for this system call alone; the last of them returns."""
    return [(_EQUAL, 0, len(steps), number), *steps]
