"""Notes of who has a partition's records in hand, so that one which kills its process is found.

The note is the text beside the group's offset, so each commit of results carries it and a job pays no
transaction for it. A process that opens a partition writes its name there once, before its first record, and
removes it when it stops in order. A successor that finds the name of a process which is gone knows that it
died, and with records in hand that all look alike. It handles as many as may have been in hand one at a
time, and notes each one's offset before. The record that a second death finds there was in hand at two deaths
in a row: it goes to its next attempt unread (`bus.kafka.retry`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bus.runtime.settings import KafkaSettings

log = structlog.stdlib.get_logger(__name__)


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """``owner``: the process; empty for none. ``trying``: the offset that it handles alone."""

    owner: str = ""
    trying: int | None = None

    @property
    def text(self) -> str:
        """The text beside the offset."""
        return msgspec.json.encode(self).decode() if self.owner else ""


def name_of(instance_id: str | None, group: str) -> str:
    """Return a member's name to Kafka (``client.id``): its instance id, or a name of this one time.

    A dynamic member needs one too: it is how a successor finds out whether the member is gone.
    """
    return instance_id or f"{group}.{secrets.token_hex(4)}"


def owner_of(name: str) -> str:
    """Return the name of this process: its name to Kafka, and what sets it apart from its predecessors."""
    return f"{name}/{secrets.token_hex(4)}"


def read(text: str | None) -> Note:
    """Return the note; none where the text is missing or not one of ours."""
    try:
        return msgspec.json.decode(text or "{}", type=Note)
    except msgspec.DecodeError:
        return Note()


@dataclass(slots=True)
class InHand:
    """The state of one partition.

    ``owner``: this process; empty where notes are off. ``most``: records that a process has in hand at once.
    """

    owner: str
    most: int
    noted: bool = False
    """Whether the committed note names this process; always where notes are off."""
    named: bool = False
    """Whether the committed note names any process; one that stops in order removes it."""
    trying: int | None = None
    """The offset in the committed note."""
    _left: int = 0
    _until: int = 0
    _condemned: int | None = None

    def opened(self, note: Note, end: int | None) -> None:
        """Take the note of the last owner; ``end``: of the partition if that owner died, else None."""
        self.noted = not self.owner or note.owner == self.owner
        self.named = bool(note.owner)
        self.trying = note.trying if self.noted else None
        if end is not None:
            self._left, self._until, self._condemned = self.most, end, note.trying

    def suspects(self, offset: int) -> bool:
        """Whether this record may have been in hand at a death, and is handled alone."""
        return self._left > 0 and offset < self._until and not self.condemned(offset)

    def condemned(self, offset: int) -> bool:
        """Whether this record was in hand at two deaths in a row."""
        return offset == self._condemned

    def may_start(self, offset: int) -> bool:
        """Whether the note that this record needs is committed."""
        return self.noted and (self.trying == offset or not self.suspects(offset))

    def before(self, offset: int) -> Note:
        """Return the note that this record needs."""
        return Note(self.owner, offset if self.suspects(offset) else None)

    def started(self) -> None:
        """Count a record that may have been in hand."""
        self._left = max(0, self._left - 1)

    def written(self, note: Note) -> None:
        """Take the note that is committed now."""
        self.noted, self.trying = not self.owner or note.owner == self.owner, note.trying
        self.named = bool(note.owner)


async def committed(consumer: AIOKafkaConsumer, tp: TopicPartition) -> tuple[int, Note]:
    """Return the group's offset, 0 for none, and the note beside it. Raises `KafkaError`."""
    coordinator = consumer._coordinator  # noqa: SLF001  (the consumer's own method leaves the text out)
    found = (await coordinator.fetch_committed_offsets([tp])).get(tp)
    if found is None or found.offset < 0:
        return 0, Note()
    return found.offset, read(found.metadata)


async def gone(kafka: KafkaSettings, group: str, name: str, owner: str) -> bool:
    """Return whether the process that wrote ``owner`` is no member of the group any more.

    Where Kafka does not say, it counts as gone: its records are then handled with care, for nothing.
    """
    theirs = owner.rpartition("/")[0]
    if theirs == name:
        return True  # this process is its successor
    admin = AIOKafkaAdminClient(**kafka.client_options(), request_timeout_ms=10_000)
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([group])
        members = [member[1] for described in answer.groups for member in described[5]]
    except Exception as error:  # noqa: BLE001  (whatever it is, the partition must open)
        log.warning("group_not_described", group=group, error=repr(error))
        return True
    finally:
        await admin.close()
    return theirs not in members
