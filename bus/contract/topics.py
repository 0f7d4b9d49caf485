"""Every topic, declared once: key, partitions, retention, messages, producers and consumers.

Transport-free, so that documents and tests can read it. The topic epoch (settings) distinguishes the topics
from those of the same names before they were created anew; with partition and offset it makes the cursor of
an event.

The retry delays are part of topic names (``.retry.30s.``): another delay is another topic, and records in
the old topic are read only while a group still has it among its inputs. A release that changes
`RETRY_DELAYS_MS` therefore continues to read the old topics; the release after it drops them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from bus.contract import messages
from bus.contract.limits import MAX_MESSAGE_BYTES

SECOND: Final = 1000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
FOREVER: Final = -1


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic's declaration. ``retention_ms`` -1 keeps for ever; ``delay_ms`` is a retry topic's wait."""

    name: str
    key: str
    partitions: int
    retention_ms: int
    union: Any
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    description: str
    delay_ms: int = 0
    config: dict[str, str] = field(default_factory=dict)

    @property
    def types(self) -> tuple[type[messages.Message], ...]:
        """The message structs that may travel here."""
        return get_args(self.union) or (self.union,)


PARTITIONS: Final = 12
"""Chosen once: an account's events stay in one partition, so this number can never change in place."""

COMMANDS_INTERACTIVE: Final = Topic(
    name="sharp.generation.commands.interactive.v1",
    key="generation id",
    partitions=PARTITIONS,
    retention_ms=7 * DAY,
    union=messages.GenerationCommand,
    producers=("relay",),
    consumers=("inference",),
    description="Photos of interactive priority.",
)
COMMANDS_BULK: Final = replace(
    COMMANDS_INTERACTIVE,
    name="sharp.generation.commands.bulk.v1",
    description="Photos of bulk priority; they yield to interactive ones.",
)
CANCELLATIONS: Final = Topic(
    name="sharp.generation.cancellations.v1",
    key="generation id",
    partitions=1,
    retention_ms=7 * DAY,
    union=messages.Cancellation,
    producers=("relay",),
    consumers=("inference",),
    description="Wishes to stop; read whole by every worker, kept as long as a command may live.",
)
EVENTS: Final = Topic(
    name="sharp.events.v1",
    key="account id",
    partitions=PARTITIONS,
    retention_ms=FOREVER,
    union=messages.Event,
    producers=("relay", "inference", "export"),
    consumers=("ledger", "gateway", "export", "partners"),
    description="The log of record: every durable event, an account in one partition, in order.",
)
PROGRESS: Final = Topic(
    name="sharp.progress.v1",
    key="account id",
    partitions=PARTITIONS,
    retention_ms=HOUR,
    union=messages.Progress,
    producers=("inference", "export"),
    consumers=("ledger", "gateway"),
    description="What need not last: started, stage by stage.",
    # Where Kafka syncs every batch (one machine), this topic need not: it lives for an hour.
    config={"flush.messages": str(2**63 - 1)},
)
EXPORT_COMMANDS: Final = Topic(
    name="sharp.export.commands.v1",
    key="export id",
    partitions=PARTITIONS,
    retention_ms=7 * DAY,
    union=messages.ExportCommand,
    producers=("relay",),
    consumers=("export",),
    description="Conversions of finished scenes.",
)
BACKGROUND_COMMANDS: Final = replace(
    EXPORT_COMMANDS,
    name="sharp.export.commands.background.v1",
    partitions=4,  # each costs every member of its group a producer, and nobody waits for these
    retention_ms=30 * DAY,
    description="Conversions that the system wants itself: pictures and viewers' files of every scene.",
)
BACKGROUND_ENDINGS: Final = Topic(
    name="sharp.export.endings.background.v1",
    key="export id",
    partitions=4,
    retention_ms=FOREVER,
    union=messages.ExportEnding,
    producers=("export", "relay"),
    consumers=("export",),
    description="How those ended. Not in the log of record: no account asked, none is told or charged.",
)

HISTORY_ROOM: Final = {"max.message.bytes": str(MAX_MESSAGE_BYTES + 64 * 1024)}
"""For topics that take copies: the largest record and, in its headers, what became of it."""
RETRY_DELAYS_MS: Final = (5 * SECOND, 30 * SECOND, 300 * SECOND)
"""The waits before the second, third and fourth attempt; after the fourth the job is parked.

A change makes new topics: docs/contributing.md has the steps.
"""


def _retries(of: Topic, stem: str, role: str) -> tuple[Topic, ...]:
    return tuple(
        replace(
            of,
            name=f"{stem}.retry.{delay // SECOND}s.v1",
            partitions=2,  # retries are rare; each partition costs its owner one producer
            producers=(role,),
            consumers=(role,),
            delay_ms=delay,
            config=HISTORY_ROOM,
            description=f"Jobs that failed for a passing reason; tried again after {delay // SECOND} s.",
        )
        for delay in RETRY_DELAYS_MS
    )


def _dead(of: Topic, stem: str, role: str) -> Topic:
    return replace(
        of,
        name=f"{stem}.dead.v1",
        partitions=1,
        retention_ms=90 * DAY,
        producers=(role,),
        consumers=("operators",),
        config=HISTORY_ROOM,
        description="Records given up on, byte for byte, with the reason in their headers.",
    )


GENERATION_RETRIES: Final = _retries(COMMANDS_INTERACTIVE, "sharp.generation.commands", "inference")
GENERATION_DEAD: Final = _dead(COMMANDS_INTERACTIVE, "sharp.generation.commands", "inference")
EXPORT_RETRIES: Final = _retries(EXPORT_COMMANDS, "sharp.export.commands", "export")
EXPORT_DEAD: Final = _dead(EXPORT_COMMANDS, "sharp.export.commands", "export")
BACKGROUND_RETRIES: Final = tuple(
    replace(topic, partitions=1)
    for topic in _retries(BACKGROUND_COMMANDS, "sharp.export.commands.background", "export")
)
PARTNERS_DEAD: Final = _dead(EVENTS, "sharp.partners", "partners")
RELAY_CURSOR: Final = Topic(
    name="sharp.relay.cursor.v1",
    key="none",
    partitions=1,
    retention_ms=DAY,
    union=messages.Event,
    producers=(),
    consumers=(),
    description="Carries no records: the relay commits its outbox cursor as this partition's group offset.",
)

ALL: Final = (
    COMMANDS_INTERACTIVE,
    COMMANDS_BULK,
    CANCELLATIONS,
    EVENTS,
    PROGRESS,
    EXPORT_COMMANDS,
    *GENERATION_RETRIES,
    GENERATION_DEAD,
    BACKGROUND_COMMANDS,
    BACKGROUND_ENDINGS,
    *EXPORT_RETRIES,
    *BACKGROUND_RETRIES,
    EXPORT_DEAD,
    PARTNERS_DEAD,
    RELAY_CURSOR,
)


def expiry(topic: Topic, requested_at: datetime) -> datetime:
    """Return when a command of ``topic`` expires: a day before Kafka may remove its record."""
    return requested_at + timedelta(milliseconds=topic.retention_ms - DAY)


def commands_topic(priority: messages.Priority) -> Topic:
    """Return the topic of the commands of a priority."""
    return COMMANDS_BULK if priority is messages.Priority.BULK else COMMANDS_INTERACTIVE
