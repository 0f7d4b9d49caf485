"""The exports of an account: inserts and reads them. The export consumer updates them.

An export belongs to its scene's account: every statement joins the scene, so deleting it hides its exports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from bus.bridges import outbox
from bus.contract.messages import ExportScene
from gateway import job_submission
from gateway.errors import DomainError
from gateway.scenes.repository import result_erased
from gateway.trace import Trace

_COLUMNS: Final = (
    "j.id, j.scene_generation_id, j.export_format, j.options::text AS options, j.export_file_url, j.status,"
    " j.error_code, j.error_message, j.erased_at, j.created_at, j.updated_at,"
    " coalesce(s.metadata ->> 'name', s.metadata #>> '{client,name}') AS scene_name, j.stored_bytes AS bytes"
)
_OWNED: Final = (
    "FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id"
    " WHERE s.user_id = $1 AND s.deleted_at IS NULL AND coalesce(j.purpose, 'backfill') = 'backfill'"
)
"""The system's own views (preview, viewer) are shown with the scene and are no exports of the account."""
# Locks the scene: a concurrent request for the same export waits here and then finds the first one's.
# A concurrent deletion waits for the new row, or this waits for the deletion and finds nothing.
_TURN: Final = """
SELECT s.result_erased_at FROM scene_generations s JOIN users u ON u.id = s.user_id
WHERE s.id = $1 AND s.user_id = $2 AND s.status = 'completed' AND s.deleted_at IS NULL AND u.is_active
FOR NO KEY UPDATE OF s"""
# Two exports at once are counted in turn; every other statement locks an account before its scenes, too.
_OWNER: Final = "SELECT FROM users WHERE id = $1 AND is_active FOR NO KEY UPDATE"
_IN_FLIGHT: Final = """
SELECT count(*) FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id
WHERE s.user_id = $1 AND j.purpose IS NULL AND j.status IN ('pending', 'processing')"""
# A backfilled export publishes no events, so a caller could not follow it: it counts only once completed.
_SAME: Final = f"""
SELECT {_COLUMNS} {_OWNED}
AND s.id = $2 AND j.export_format = $3 AND coalesce(j.options, '{{}}') = $4::text::jsonb
AND j.erased_at IS NULL
AND CASE WHEN j.purpose IS NULL THEN j.status <> 'failed' ELSE j.status = 'completed' END
ORDER BY j.created_at, j.id LIMIT 1"""
_ACCEPT: Final = """
INSERT INTO export_jobs (id, scene_generation_id, export_format, options, status, created_at, updated_at,
                         expires_at)
VALUES ($1, $2, $3, $4::text::jsonb, 'pending', $5, $5, $6)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportRow:
    """One row of ``export_jobs``, with the name of its scene; ``options`` is its JSON text."""

    id: UUID
    scene_generation_id: UUID
    export_format: str
    options: str | None
    export_file_url: str | None
    status: str
    error_code: str | None
    error_message: str | None
    erased_at: datetime | None
    created_at: datetime
    updated_at: datetime
    scene_name: str | None
    bytes: int | None


class ExportStore:
    """The ``export_jobs`` table, by account."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def accept(
        self, command: ExportScene, *, most_in_flight: int, api_key_id: UUID | None, trace: Trace
    ) -> ExportRow | None:
        """Store the row and publish command and event, all or nothing; or return an existing same export.

        Raises `DomainError` not_found where the scene was just deleted, or its account closed,
        result_erased where its splat was, and quota_exports where the account has ``most_in_flight`` exports
        already.
        """
        submission = job_submission.export(command, api_key_id=api_key_id, trace=trace)
        command = submission.command
        options = msgspec.json.encode(command.options).decode()
        scene, account = command.generation_id, command.account_id
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_OWNER, account)
            turn = await connection.fetchrow(_TURN, scene, account)
            if turn is None:
                raise DomainError("not_found", "You have no scene with this id.")
            # A separate statement: it sees what was committed while the first one waited for the lock.
            same = await connection.fetchrow(_SAME, account, scene, command.format, options)
            if same is not None:
                return ExportRow(**same)
            if turn["result_erased_at"] is not None:
                raise result_erased()
            if await connection.fetchval(_IN_FLIGHT, account) >= most_in_flight:
                raise DomainError(
                    "quota_exports",
                    f"The account has {most_in_flight} exports in flight, its quota; wait for one to end.",
                    retry_after_s=5,
                    limit=most_in_flight,
                )
            at, until = command.requested_at, submission.expires_at
            await connection.execute(_ACCEPT, command.export_id, scene, command.format, options, at, until)
            await outbox.enqueue(connection, submission.records)
        return None

    async def same(
        self, account_id: UUID, generation_id: UUID, name: str, options: Mapping[str, object]
    ) -> ExportRow | None:
        """Return the account's first export of the scene in this format and options that has not failed.

        One that is being accepted concurrently may be missed; `accept` checks again under the lock.
        """
        row = await self._pool.fetchrow(
            _SAME, account_id, generation_id, name, msgspec.json.encode(options).decode()
        )
        return ExportRow(**row) if row else None

    async def get(self, account_id: UUID, export_id: UUID) -> ExportRow | None:
        """Return the account's export."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} {_OWNED} AND j.id = $2",
            account_id,
            export_id,
        )
        return ExportRow(**row) if row else None

    async def of_account(
        self,
        account_id: UUID,
        *,
        status: str | None = None,
        before: tuple[datetime, UUID] | None = None,
        limit: int,
    ) -> list[ExportRow]:
        """Return up to ``limit`` exports of all the account's scenes, newest first, older than ``before``."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} {_OWNED} AND ($2::text IS NULL OR j.status = $2)"
            " AND ($3::timestamptz IS NULL OR (j.created_at, j.id) < ($3, $4::uuid))"
            " ORDER BY j.created_at DESC, j.id DESC LIMIT $5",
            account_id,
            status,
            *(before or (None, None)),
            limit,
        )
        return [ExportRow(**row) for row in rows]

    async def of_scene(
        self, account_id: UUID, generation_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[ExportRow]:
        """Return up to ``limit`` exports of the account's scene, newest first, older than ``before``."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} {_OWNED} AND s.id = $2"
            " AND ($3::timestamptz IS NULL OR (j.created_at, j.id) < ($3, $4::uuid))"
            " ORDER BY j.created_at DESC, j.id DESC LIMIT $5",
            account_id,
            generation_id,
            *(before or (None, None)),
            limit,
        )
        return [ExportRow(**row) for row in rows]
