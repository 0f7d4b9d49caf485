"""The tables as Piccolo sees them, for ordinary queries; the schema itself is made by `ledger.migrations`.

Every column that must be given says ``default=None``: else Piccolo would fill an omitted one in silence (a
random uuid, an empty text). Now it refuses, and so does the database. Indexes and checks live in the SQL; a
test holds both sides together. Where a key has several columns, the class names a unique one, or the first.
"""

from __future__ import annotations

from typing import Final

from piccolo.columns import (
    JSON,
    JSONB,
    UUID,
    BigInt,
    Boolean,
    Bytea,
    DoublePrecision,
    ForeignKey,
    Integer,
    OnDelete,
    Text,
    Timestamptz,
)
from piccolo.table import Table


class User(Table, tablename="users"):
    """A person with an account; the only table with personal data."""

    id = UUID(primary_key=True, default=None)
    email = Text(default=None)
    password_hash = Text(default=None, secret=True)
    first_name = Text(default=None)
    last_name = Text(default=None)
    role = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    is_active = Boolean(default=None)


class ApiKey(Table, tablename="api_keys"):
    """A key of an account, kept as a hash."""

    id = UUID(primary_key=True, default=None)
    user_id = ForeignKey(User, on_delete=OnDelete.cascade, null=False, default=None)
    api_key_hash = Text(default=None, unique=True, secret=True)
    name = Text(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None, null=True)
    status = Text(default=None)


class SceneGeneration(Table, tablename="scene_generations"):
    """One photo on its way to Gaussians; written once by the gateway, moved on by the projection."""

    id = UUID(primary_key=True, default=None)
    user_id = ForeignKey(User, on_delete=OnDelete.restrict, null=False, default=None)
    api_key_id = UUID(default=None, null=True)
    original_image_url = Text(default=None)
    generated_3d_gaussian_url = Text(default=None, null=True)
    status = Text(default=None)
    priority = Text(default=None)
    processing_time_seconds = DoublePrecision(default=None, null=True)
    metadata = JSONB(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    cancel_requested_at = Timestamptz(default=None, null=True)
    error_message = Text(default=None, null=True)


class ExportJob(Table, tablename="export_jobs"):
    """One conversion of a scene; written once by the gateway, moved on by the export consumer."""

    id = UUID(primary_key=True, default=None)
    scene_generation_id = ForeignKey(SceneGeneration, on_delete=OnDelete.restrict, null=False, default=None)
    export_format = Text(default=None)
    export_file_url = Text(default=None, null=True)
    status = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    error_message = Text(default=None, null=True)


class UsageLog(Table, tablename="usage_logs"):
    """What is counted: one row for each event that costs; written by the projection alone."""

    id = UUID(primary_key=True, default=None)
    event_id = UUID(default=None, unique=True)
    user_id = UUID(default=None, null=True)
    api_key_id = UUID(default=None, null=True)
    event_type = Text(default=None)
    details = JSONB(default=None)
    created_at = Timestamptz(default=None)


class Outbox(Table, tablename="outbox"):
    """Records on their way to Kafka; belongs to `bus.outbox` and `bus.relay`."""

    id = BigInt(primary_key=True, default=None)
    publish_seq = BigInt(default=None, null=True, unique=True)
    records = Bytea(default=None)
    created_at = Timestamptz()


class RelayLease(Table, tablename="relay_lease"):
    """Who may publish the outbox, and how far it came; belongs to `bus.relay`."""

    name = Text(primary_key=True, default=None)
    epoch = BigInt()
    holder = Text(default=None, null=True)
    deadline = Timestamptz(default=None, null=True)
    next_seq = BigInt(default=1)
    cursor = BigInt()


class EventLog(Table, tablename="event_log"):
    """Every durable event, by the place it has in Kafka; the key is (epoch, partition, offset)."""

    epoch = Integer(default=None)
    partition = Integer(default=None)
    offset = BigInt(default=None)
    event_id = UUID(primary_key=True, default=None)
    type = Text(default=None)
    subject = UUID(default=None)
    account_id = UUID(default=None)
    source = Text(default=None)
    time = Timestamptz(default=None)
    correlation_id = Text(default=None, null=True)
    traceparent = Text(default=None, null=True)
    body = JSON(default=None)
    recorded_at = Timestamptz()


class ProjectorOffset(Table, tablename="projector_offsets"):
    """How far each projector is; the key is (projector, epoch, topic, partition)."""

    projector = Text(primary_key=True, default=None)
    epoch = Integer(default=None)
    topic = Text(default=None)
    partition = Integer(default=None)
    next_offset = BigInt(default=None)
    updated_at = Timestamptz()


class ParkedEvent(Table, tablename="parked_events"):
    """Records that a projector could not take; the key is (projector, epoch, topic, partition, offset)."""

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


TABLES: Final[tuple[type[Table], ...]] = (
    User,
    ApiKey,
    SceneGeneration,
    ExportJob,
    UsageLog,
    Outbox,
    RelayLease,
    EventLog,
    ProjectorOffset,
    ParkedEvent,
)
"""Every table; `ledger.database.open_pool` binds them."""
