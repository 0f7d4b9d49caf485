"""Puts a backup back: into an empty database, and into a store that lacks the objects.

It may be cut off and run again at any line. The dump is loaded in one transaction and carries a row with the
backup's id, by which the next run knows that it was loaded; objects that are there are not sent again.
Kafka's topics are not part of it: ``python -m ledger republish`` makes them from the log in the database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from bus.blob_copies import BlobCopies
from bus.contract.blob_ref import owner_of
from bus.runtime.settings import KafkaSettings
from ledger.backup import newer, objects, postgres_tools
from ledger.backup.errors import BackupError
from ledger.backup.folder import Folder, Manifest
from ledger.backup.make import Progress, mark
from ledger.backup.newer import Newer
from ledger.db import leader_turns, restores
from ledger.db.admin_acts import Act, record
from ledger.db.migrate import declared, migrate

_TABLES: Final = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')"""
_NOTE: Final = """
WITH before AS (DELETE FROM invariant_checks)
INSERT INTO restores (id, backup_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true"""
_KEEP: Final = "UPDATE restores SET newer = $2 WHERE id = $1"
_OWNERS: Final = """
SELECT id, user_id AS account_id FROM scene_generations WHERE id = ANY($1::uuid[])
UNION ALL SELECT e.id, s.user_id FROM export_jobs e JOIN scene_generations s ON s.id = e.scene_generation_id
WHERE e.id = ANY($1::uuid[])
UNION ALL SELECT id, user_id FROM uploads WHERE id = ANY($1::uuid[])"""
_FORGET: Final = "DELETE FROM chores WHERE name = $1"


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was put back. ``partners`` need new passwords, which only the former Kafka knew."""

    id: UUID
    taken_at: datetime
    accounts: int
    scenes: int
    objects: int
    already_there: int
    partners: list[str]
    newer: dict[str, Any]


async def put_back(
    connection: asyncpg.Connection, store: BlobCopies, url: str, folder: Folder, progress: Progress
) -> Restored:
    """Restore the backup; ``connection`` must be outside a transaction.

    Raises `BackupError` for a database that holds other data, and `BackupDamagedError`. Nothing was changed
    then, except that objects of the backup may be in the store.
    """
    manifest = folder.read()
    if too_new := set(manifest.migrations) - {each.name for each in declared()}:
        raise BackupError(
            f"The backup is of a newer release ({manifest.release}): it has the migration {max(too_new)},"
            " which this release does not know. Restore it by that release."
        )
    await _load(connection, url, folder, manifest, progress)
    count = size = 0

    def copied(added: int) -> None:
        nonlocal count, size
        count, size = count + 1, size + added
        progress("objects", count, size)

    async def owners(keys: list[str]) -> dict[str, UUID]:
        ids = {key: owner for key in keys if (owner := owner_of(key))}
        rows = await connection.fetch(_OWNERS, list(ids.values()))
        accounts = {row["id"]: row["account_id"] for row in rows}
        return {key: accounts[owner] for key, owner in ids.items() if owner in accounts}

    already_there = await objects.put_back(store, folder, owners, copied)
    found = await newer.find(connection, store, None)
    await connection.execute(_KEEP, manifest.id, list(found.jobs))
    return Restored(
        id=manifest.id,
        taken_at=manifest.taken_at,
        accounts=manifest.accounts,
        scenes=manifest.scenes,
        objects=count,
        already_there=already_there,
        partners=[each.slug for each in manifest.partners],
        newer=found.shown(),
    )


async def _load(
    connection: asyncpg.Connection, url: str, folder: Folder, manifest: Manifest, progress: Progress
) -> None:
    if await connection.fetchval(_TABLES) == 0:
        progress("database", 0, 0)
        await postgres_tools.restore(url, folder.database)
    elif not await _is_of(connection, manifest):
        raise BackupError(
            "The database at DATABASE_URL is not empty, and a restore replaces nothing: name an empty one."
        )
    await migrate(connection)
    async with connection.transaction():
        if await connection.fetchval(_NOTE, manifest.id, manifest.taken_at):
            await record(connection, Act(action="restore", target=manifest.id))
        await connection.execute(_FORGET, mark(manifest.id))


async def _is_of(connection: asyncpg.Connection, manifest: Manifest) -> bool:
    if await connection.fetchval("SELECT to_regclass('chores') IS NULL OR to_regclass('restores') IS NULL"):
        return False
    if await leader_turns.is_done(connection, mark(manifest.id)):
        return True
    return await restores.is_noted(connection, manifest.id)


async def note(
    connection: asyncpg.Connection, store: BlobCopies, kafka: KafkaSettings | None, taken_at: datetime
) -> Newer:
    """Note that the database was put back by other means to its state of then; return what is newer."""
    await migrate(connection)
    restore_id = uuid4()
    async with connection.transaction():
        await connection.fetchval(_NOTE, restore_id, taken_at)  # first: from now on nothing is swept
        await record(connection, Act(action="note-restore", target=restore_id))
    found = await newer.find(connection, store, kafka)
    await connection.execute(_KEEP, restore_id, list(found.jobs))
    return found
