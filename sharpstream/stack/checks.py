"""Checks before the stack starts; each failure is one sentence that says what to do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import psutil

from sharpstream.stack import java, ports
from sharpstream.stack.errors import DiskFullError, PortTakenError
from sharpstream.stack.state_dir import Memory

LEAST_FREE_BYTES: Final = 2 * 1024**3
"""Empty servers take 200 MB; a splat is 66 MB, and Kafka and Postgres stop on a full disk."""
NETWORK: Final = frozenset({
    "9p", "afpfs", "afs", "ceph", "cifs", "glusterfs", "goofys", "lustre", "nfs", "nfs4", "rclone", "s3fs",
    "smb", "smb2", "smb3", "smbfs", "sshfs", "webdav",
})  # fmt: skip
"""Types of file systems that lie on another machine."""
GATEWAY_PORT: Final = 8080
_POLLS: Final = 30
_POLL_INTERVAL_S: Final = 0.1
"""A killed process frees its ports a moment after it has left the process list."""


class Mount(Protocol):
    """What is used of an entry of `psutil.disk_partitions`."""

    mountpoint: str
    fstype: str


def tools(say: Callable[[str], None] = lambda _line: None) -> None:
    """Find Java and Kafka's jars, which the first call fetches. Raises `StackError`."""
    java.java()
    java.jars(say)


def disk(folder: Path, free: Callable[[Path], int] | None = None) -> None:
    """Raise `DiskFullError` below `LEAST_FREE_BYTES`."""
    left = free(folder) if free else shutil.disk_usage(folder).free
    if left < LEAST_FREE_BYTES:
        raise DiskFullError(
            f"Too little disk: {left / 1024**3:.1f} GiB free at {folder}, the servers need "
            f"{LEAST_FREE_BYTES // 1024**3} GiB. Free some, or move the data: SHARPSTREAM_HOME=/other/disk."
        )


def network_disk(folder: Path, mounts: Callable[[], Iterable[Mount]] | None = None) -> str | None:
    """Return a sentence where the folder lies on another machine's disk: its syncs are that one's promise."""
    found = [
        mount
        for mount in (mounts() if mounts else psutil.disk_partitions(all=True))
        if folder.resolve().is_relative_to(mount.mountpoint)
    ]
    nearest = max(found, key=lambda mount: len(mount.mountpoint), default=None)
    if nearest is None or nearest.fstype.lower().removeprefix("fuse.") not in NETWORK:
        return None
    return (
        f"{folder} is on a network disk ({nearest.fstype}). Postgres and Kafka are slow there, and lose what"
        " was acknowledged where it does not sync truly. Better: SHARPSTREAM_HOME=/a/disk/of/this/machine."
    )


async def assign_ports(memory: Memory, environ: Mapping[str, str]) -> list[str]:
    """Choose a new number for each port that is in use, except the gateway's; return those parts' names.

    Raises `PortTakenError` for the gateway's, because users and their programs have stored it.
    """
    await _until_free(memory.taken)
    port = _gateway_port(memory, environ)
    if not ports.is_free(port):
        raise PortTakenError(
            f"Port {port}, where the page is served, is in use{_by_whom(port)}: stop that, or choose another "
            f"port: GATEWAY_PORT=8081 sharpstream up."
        )
    memory.remember_port("gateway", port)
    return memory.forget_taken_ports(keep=frozenset({"gateway"}))


def _gateway_port(memory: Memory, environ: Mapping[str, str]) -> int:
    if chosen := environ.get("GATEWAY_PORT"):
        if not chosen.isdecimal() or not 0 < int(chosen) < 65536:
            raise PortTakenError(f"GATEWAY_PORT is {chosen!r}, which is no port: give a number like 8080.")
        return int(chosen)
    known = memory.known_port("gateway")
    if known is not None:
        return known
    return GATEWAY_PORT if ports.is_free(GATEWAY_PORT) else ports.choose(memory.taken)


async def _until_free(wanted: set[int]) -> None:
    for _ in range(_POLLS):
        if all(ports.is_free(port) for port in wanted):
            return
        await asyncio.sleep(_POLL_INTERVAL_S)


def _by_whom(port: int) -> str:
    """Return the name of the process, if it may be read."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
