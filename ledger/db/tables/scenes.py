"""Generations, exports and usage."""

from __future__ import annotations

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    DoublePrecision,
    ForeignKey,
    OnDelete,
    Text,
    Timestamptz,
)
from piccolo.table import Table

from ledger.db.queries import POSTGRES
from ledger.db.tables.accounts import User


class SceneGeneration(Table, tablename="scene_generations", db=POSTGRES):
    """One generation, from photo to splat; inserted by the gateway, updated by the projection."""

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
    webhook_url = Text(default=None, null=True)
    deleted_at = Timestamptz(default=None, null=True)
    asked_priority = Text(default=None, null=True)
    expires_at = Timestamptz(default=None, null=True)
    lost_at = Timestamptz(default=None, null=True)
    result_blob = JSONB(default=None, null=True)
    client_metadata = Text(default=None, null=True)
    photo_url = Text(default=None, null=True)
    delete_at = Timestamptz(default=None, null=True)
    original_erased_at = Timestamptz(default=None, null=True)
    result_erased_at = Timestamptz(default=None, null=True)
    name_erased_at = Timestamptz(default=None, null=True)
    client_metadata_erased_at = Timestamptz(default=None, null=True)
    tags = Array(base_column=Text())
    favourite = Boolean(default=False)
    retry_of = UUID(default=None, null=True)
    start_view = JSONB(default=None, null=True)
    thumbnail_url = Text(default=None, null=True)


class SceneRendition(Table, tablename="scene_renditions", db=POSTGRES):
    """The rendition and thumbnail of a scene that inference made none of; owned by the gateway."""

    scene_generation_id = ForeignKey(
        SceneGeneration, on_delete=OnDelete.restrict, null=False, default=None, primary_key=True
    )
    photo_url = Text(default=None, null=True)
    created_at = Timestamptz(default=None)
    thumbnail_url = Text(default=None, null=True)


class ExportJob(Table, tablename="export_jobs", db=POSTGRES):
    """One export of a scene; inserted by the gateway, updated by the export consumer."""

    id = UUID(primary_key=True, default=None)
    scene_generation_id = ForeignKey(SceneGeneration, on_delete=OnDelete.restrict, null=False, default=None)
    export_format = Text(default=None)
    export_file_url = Text(default=None, null=True)
    status = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    error_message = Text(default=None, null=True)
    options = JSONB(default=None, null=True)
    error_code = Text(default=None, null=True)
    purpose = Text(default=None, null=True)
    expires_at = Timestamptz(default=None, null=True)
    lost_at = Timestamptz(default=None, null=True)
    scores = JSONB(default=None, null=True)
    stored_bytes = BigInt(default=None, null=True)
    erased_at = Timestamptz(default=None, null=True)


class UsageLog(Table, tablename="usage_logs", db=POSTGRES):
    """One row for each counted event; written by the projection alone."""

    id = UUID(primary_key=True, default=None)
    event_id = UUID(default=None)
    user_id = UUID(default=None, null=True)
    api_key_id = UUID(default=None, null=True)
    event_type = Text(default=None)
    details = JSONB(default=None)
    created_at = Timestamptz(default=None)
