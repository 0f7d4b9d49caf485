"""Makes a backup while the system runs: a snapshot of the database, then every object that it names.

Objects are never changed and, while the lock is held, never removed, so those that are copied after the
snapshot are those that it names. Newer ones come along; the restore names them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg

from bus.blob_copies import BlobCopies
from bus.contract import topics
from ledger.backup import postgres_tools
from ledger.backup.errors import BackupError
from ledger.backup.folder import BackedUpPartner, BackedUpTopic, Folder, Manifest
from ledger.backup.objects import Previous, save
from ledger.db import leader_turns, restores

Progress = Callable[[str, int, int], None]
"""Called with what is being copied, how many there are so far, and their bytes."""
_FACTS: Final = """
SELECT now() AS taken_at, (SELECT count(*) FROM users) AS accounts,
    (SELECT count(*) FROM scene_generations) AS scenes, (SELECT count(*) FROM event_log) AS events,
    (SELECT array_agg(name ORDER BY name) FROM migrations) AS migrations,
    (SELECT max(epoch) FROM projector_offsets) AS epoch"""
_PARTNERS: Final = "SELECT id, slug, state FROM partners WHERE state <> 'deleted' ORDER BY slug"
_FORGET: Final = "DELETE FROM chores WHERE name = $1"


def mark(backup_id: object) -> str:
    """Return the name of the row by which a database is known to come from this backup."""
    return f"backup:{backup_id}"


@dataclass(kw_only=True)
class Backup:
    """One backup: where it comes from and where it goes. ``connection`` must be outside a transaction."""

    connection: asyncpg.Connection
    store: BlobCopies
    folder: Folder
    epoch: int
    progress: Progress

    async def make(self, url: str, *, previous: Path | None = None) -> Manifest:
        """Write it and return its manifest. ``url`` is the database's; objects are linked to ``previous``.

        Raises `BackupError`, and `BlobStoreError` where the store fails; what was written by then has no
        manifest.
        """
        linked = Previous(previous) if previous else None
        self.folder.create()
        if not await restores.try_lock(self.connection):
            raise BackupError("Another backup of this database is being made: wait for its end.")
        try:
            return await self._make(url, linked)
        finally:
            await restores.unlock(self.connection)

    async def _make(self, url: str, previous: Previous | None) -> Manifest:
        backup_id = uuid4()
        facts, partners = await self._dump(url, mark(backup_id))
        count = size = 0

        def copied(added: int) -> None:
            nonlocal count, size
            count, size = count + 1, size + added
            self.progress("objects", count, size)

        await save(self.store, self.folder, previous, copied)
        manifest = Manifest(
            id=backup_id,
            release=metadata.version("sharpstream"),
            taken_at=facts["taken_at"],
            topic_epoch=max(self.epoch, facts["epoch"] or 1),
            migrations=facts["migrations"],
            accounts=facts["accounts"],
            scenes=facts["scenes"],
            events=facts["events"],
            objects=count,
            object_bytes=size,
            topics=_topics(),
            partners=[
                BackedUpPartner(id=each["id"], slug=each["slug"], state=each["state"]) for each in partners
            ],
            files=self.folder.files(),
        )
        self.folder.finish(manifest)
        return manifest

    async def _dump(self, url: str, name: str) -> tuple[Any, list[Any]]:
        """Dump one snapshot; return what else is read from it. The dump has a row of this name."""
        await leader_turns.note_done(self.connection, name)
        try:
            async with self.connection.transaction(isolation="repeatable_read", readonly=True):
                snapshot = await self.connection.fetchval("SELECT pg_export_snapshot()")
                self.progress("database", 0, 0)
                await postgres_tools.dump(url, snapshot, self.folder.database)
                return await self.connection.fetchrow(_FACTS), await self.connection.fetch(_PARTNERS)
        finally:
            await self.connection.execute(_FORGET, name)


def _topics() -> list[BackedUpTopic]:
    return [
        BackedUpTopic(
            name=each.name,
            partitions=each.partitions,
            config={"retention.ms": str(each.retention_ms), **each.config},
        )
        for each in topics.ALL
    ]
