"""Albums, the links to several scenes for viewers without an account."""

from __future__ import annotations

from piccolo.columns import UUID, BigInt, Boolean, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES
from ledger.db.tables.accounts import User
from ledger.db.tables.scenes import SceneGeneration


class Album(Table, tablename="albums", db=POSTGRES):
    """A link to several scenes, valid until it expires; owned by the gateway."""

    id = UUID(primary_key=True, default=None)
    user_id = ForeignKey(User, on_delete=OnDelete.restrict, null=False, default=None)
    name = Text(default=None)
    token_hash = Text(default=None, unique=True)
    pepper = Text(default=None)
    api_key_id = UUID(default=None, null=True)
    show_photo = Boolean(default=None)
    allow_download = Boolean(default=None)
    opened = BigInt(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)


class AlbumScene(Table, tablename="album_scenes", db=POSTGRES):
    """A scene of an album; the key is (album_id, position)."""

    album_id = ForeignKey(Album, primary_key=True, on_delete=OnDelete.cascade, null=False, default=None)
    position = Integer(default=None)
    scene_generation_id = ForeignKey(SceneGeneration, on_delete=OnDelete.restrict, null=False, default=None)
