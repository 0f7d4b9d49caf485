"""Shares, the links to scenes for viewers without an account."""

from __future__ import annotations

from piccolo.columns import UUID, Array, BigInt, Boolean, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES
from ledger.db.tables.scenes import SceneGeneration


class Share(Table, tablename="shares", db=POSTGRES):
    """A link to one scene, valid until it expires or the scene is deleted; owned by the gateway."""

    id = UUID(primary_key=True, default=None)
    scene_generation_id = ForeignKey(SceneGeneration, on_delete=OnDelete.restrict, null=False, default=None)
    token_hash = Text(default=None, unique=True)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    api_key_id = UUID(default=None, null=True)
    pepper = Text(default=None, null=True)
    show_photo = Boolean(default=True)
    allow_download = Boolean(default=False)
    embed_origins = Array(base_column=Text())
    opened = BigInt(default=0)
