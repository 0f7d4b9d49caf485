"""After a kill, runs Kafka's controller alone until it has fenced the killed broker; then both start.

A broker that starts with its own controller counts as the leader of every partition until its old session
times out. Meanwhile its transaction coordinator finds the transactions that were prepared at the kill, loses
the partitions midway, and writes "committed" without having sent them the markers (seen with Kafka 4.4).
Records and offset of such a transaction hang until the next one of the same producer commits them. An outbox
row was published twice that way, and a topic's readers were blocked. On a cluster other controllers fence.

Whether the broker is fenced is read from Kafka's metadata log and not from the controller's output. It prints
"Fencing broker" before it writes the record, and a controller that was killed at that line lost the record.
"""

from __future__ import annotations

import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog
from aiokafka.record.memory_records import MemoryRecords

from sharpstream.stack.errors import StartError
from sharpstream.stack.process import die_with_parent, kill_group

log = structlog.get_logger(__name__)

LONGEST_S: Final = 60.0
"""The controller fences as soon as it runs, which takes 2 s of one core; after this it counts as stuck."""
_POLL_INTERVAL_S: Final = 0.02
_METADATA: Final = "__cluster_metadata-0"
_BATCH: Final = struct.Struct(">qi")
"""Header of a record batch: offset of its first record, number of bytes that follow."""
_REGISTER, _CHANGE, _UNREGISTER = 0, 17, 27
"""Kafka's RegisterBrokerRecord, BrokerRegistrationChangeRecord and UnregisterBrokerRecord."""


def was_killed(data: Path) -> bool:
    """Whether a broker ran on this folder and was not shut down cleanly."""
    return (data / _METADATA).exists() and not (data / ".kafka_cleanshutdown").exists()


class Registration:
    """The registration of the only broker, read from the metadata log in its folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / _METADATA
        self._fenced = True
        self._next = 0
        """The offset at which the snapshot ends."""
        self._file: Path | None = None
        self._position = 0

    def fenced(self) -> bool:
        """Read new records and return whether the controller has fenced the broker."""
        if self._file is None:
            self._read_snapshot()
        for segment in self._segments():
            if segment != self._file:
                self._file, self._position = segment, 0
            with segment.open("rb") as file:
                file.seek(self._position)
                self._read(file.read())
        return self._fenced

    def _read_snapshot(self) -> None:
        """Read the snapshot that replaces deleted segments; its name has its last offset and epoch."""
        if snapshots := sorted(self._folder.glob("*.checkpoint")):
            self._read(snapshots[-1].read_bytes())
            self._next = int(snapshots[-1].name.partition("-")[0])

    def _segments(self) -> list[Path]:
        found = sorted(self._folder.glob("*.log"))
        return found[found.index(self._file) :] if self._file in found else found

    def _read(self, text: bytes) -> None:
        """Apply complete batches; one that is still being written is read the next time."""
        at = 0
        while at + _BATCH.size <= len(text):
            offset, size = _BATCH.unpack_from(text, at)
            end = at + _BATCH.size + size
            if size <= 0 or end > len(text):
                break
            if offset >= self._next:
                for value in _values(text[at:end]):
                    self._apply(value)
            at = end
        self._position += at

    def _apply(self, value: bytes) -> None:
        """Apply a metadata record: a frame's version 1, the record's number and version, then its fields."""
        if value[1] in (_REGISTER, _UNREGISTER):
            self._fenced = True  # a broker is unfenced only once it has registered
        elif value[1] == _CHANGE and (changed := _tagged(value[3 + 4 + 8 :]).get(0)):
            self._fenced = changed == b"\x01"  # 255 is -1: unfenced


def _values(batch: bytes) -> Iterator[bytes]:
    records = MemoryRecords(batch).next_batch()
    if records is not None and not records.is_control_batch:
        yield from (record.value for record in records if record.value is not None)


def _tagged(text: bytes) -> dict[int, bytes]:
    """Read Kafka's tagged fields, all numbers below 128 here: count, then tag, size and value of each."""
    found, at = {}, 1
    for _ in range(text[0]):
        tag, size = text[at], text[at + 1]
        found[tag] = text[at + 2 : at + 2 + size]
        at += 2 + size
    return found


def fence(argv: Sequence[str], data: Path, *, env: Mapping[str, str], cwd: Path) -> None:
    """Run the controller until the killed broker is fenced, then kill it: its log is its only state.

    Raises `StartError` with the controller's last output where it ends or is stuck before that.
    """
    began = time.monotonic()
    registration = Registration(data)
    if registration.fenced():
        return  # killed before it served any client
    with (
        tempfile.TemporaryFile("w+", errors="replace") as output,
        subprocess.Popen(  # noqa: S603
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call
        ) as controller,
    ):
        try:
            while not registration.fenced():
                if controller.poll() is not None or time.monotonic() - began > LONGEST_S:
                    output.seek(0)
                    raise StartError(f"Kafka's controller did not fence its broker: {output.read()[-500:]}")
                time.sleep(_POLL_INTERVAL_S)
        finally:
            kill_group(controller.pid)
    log.info("killed_broker_fenced", seconds=round(time.monotonic() - began, 1))
