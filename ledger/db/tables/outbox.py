"""The tables of the bridges: outbox, relay lease, event log, projector offsets, parked events."""

from __future__ import annotations

from piccolo.columns import JSON, JSONB, UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class Outbox(Table, tablename="outbox", db=POSTGRES):
    """Records to be published to Kafka; owned by `bus.bridges.outbox` and `bus.bridges.relay`.

    ``held_for``: the account one of whose bulk jobs must end before they are.
    """

    id = BigInt(primary_key=True, default=None)
    publish_seq = BigInt(default=None, null=True, unique=True)
    records = Bytea(default=None)
    created_at = Timestamptz()
    held_for = UUID(default=None, null=True)


class RelayLease(Table, tablename="relay_lease", db=POSTGRES):
    """The relay that may publish the outbox, and its progress; owned by `bus.bridges.relay`."""

    name = Text(primary_key=True, default=None)
    epoch = BigInt()
    holder = Text(default=None, null=True)
    deadline = Timestamptz(default=None, null=True)
    next_seq = BigInt(default=1)
    cursor = BigInt()


class EventLog(Table, tablename="event_log", db=POSTGRES):
    """Every durable event, by its position in Kafka; the key is (epoch, partition, offset)."""

    epoch = Integer(default=None)
    partition = Integer(default=None)
    offset = BigInt(primary_key=True, default=None)
    event_id = UUID(default=None)
    type = Text(default=None)
    subject = UUID(default=None)
    account_id = UUID(default=None)
    source = Text(default=None)
    time = Timestamptz(default=None)
    correlation_id = Text(default=None, null=True)
    traceparent = Text(default=None, null=True)
    body = JSON(default=None)
    recorded_at = Timestamptz()


class EventLogFloor(Table, tablename="event_log_floors", db=POSTGRES):
    """The position up to which a partition's log was shortened; the key is (epoch, partition)."""

    epoch = Integer(primary_key=True, default=None)
    partition = Integer(default=None)
    next_offset = BigInt(default=None)
    updated_at = Timestamptz()
    forgotten_until = Timestamptz(default=None, null=True)


class ProjectorOffset(Table, tablename="projector_offsets", db=POSTGRES):
    """The next offset of each projector; the key is (projector, epoch, topic, partition)."""

    projector = Text(primary_key=True, default=None)
    epoch = Integer(default=None)
    topic = Text(default=None)
    partition = Integer(default=None)
    next_offset = BigInt(default=None)
    updated_at = Timestamptz()
    topic_id = UUID(default=None, null=True)


class ParkedEvent(Table, tablename="parked_events", db=POSTGRES):
    """Records that a projector parked; the key is (projector, epoch, topic, partition, offset)."""

    projector = Text(primary_key=True, default=None)
    epoch = Integer(default=None)
    topic = Text(default=None)
    partition = Integer(default=None)
    offset = BigInt(default=None)
    key = Bytea(default=None, null=True)
    headers = JSONB(default=None)
    value = Bytea(default=None, null=True)
    reason = Text(default=None)
    recorded_at = Timestamptz()
