"""Redrives a dead letter as a new job that names the one it repeats; the old job keeps its one ending.

The photo is copied, so that deleting either scene leaves the other intact.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from bus.blobs import BlobCorruptError, Blobs
from bus.bridges.postgres_errors import rolled_back
from bus.contract.blob_ref import BlobRef
from bus.contract.ids import new_id
from bus.contract.messages import ExportScene, GenerateScene
from bus.runtime.errors import PermanentError, SharpstreamError
from gateway import job_submission
from gateway.errors import DomainError
from gateway.operations.dead_letters import Again, DeadLetterRow, DeadLetterStore, already_resolved
from gateway.trace import Trace

_READ: Final = msgspec.json.Decoder(GenerateScene | ExportScene)


class Redriver:
    """Runs the jobs of dead letters again, as new jobs."""

    def __init__(self, blobs: Blobs, bucket: str, dead_letters: DeadLetterStore) -> None:
        self._blobs = blobs
        self._bucket = bucket
        self._dead_letters = dead_letters

    async def redrive(self, letter: DeadLetterRow, *, by: UUID, trace: Trace) -> UUID:
        """Accept the job again and return the new one's id.

        Raises `DomainError`: dead_letter_settled, dead_letter_unreadable, dead_letter_orphaned.
        """
        if letter.state != "open":
            raise already_resolved(letter.state)
        try:
            command = _READ.decode(letter.value or b"")
        except (msgspec.DecodeError, RecursionError) as error:
            raise DomainError(
                "dead_letter_unreadable", f"The record is no command that can be run: {error}. Discard it."
            ) from error
        if isinstance(command, GenerateScene):
            return await self._scene(letter, command, by, trace)
        return await self._export(letter, command, by, trace)

    async def _scene(self, letter: DeadLetterRow, old: GenerateScene, by: UUID, trace: Trace) -> UUID:
        at, fresh, asked_by = datetime.now(UTC), new_id(), await self._dead_letters.api_key_of(letter)
        key = f"originals/{fresh}/{secrets.token_hex(16)}"
        try:
            source = await self._copy(old.source, key, old.account_id)
            submission = job_submission.generation(
                replace(old, generation_id=fresh, source=source, requested_at=at),
                api_key_id=asked_by,
                trace=trace,
                retry_of=old.generation_id,
            )
            url, until = source.url(self._bucket), submission.expires_at
            again = Again.of_scene(fresh, url=url, at=at, until=until, api_key_id=asked_by)
            await self._dead_letters.redrive(letter, again, by=by, records=submission.records)
        except BaseException as error:
            if rolled_back(error):
                with suppress(SharpstreamError):  # a copy that stays is found as an orphan
                    await asyncio.shield(self._blobs.delete(key))
            raise
        return fresh

    async def _copy(self, source: BlobRef, key: str, owner: UUID) -> BlobRef:
        """Verify the photo's hash, then copy it within the store; its bytes are not uploaded again.

        Raises `DomainError` dead_letter_orphaned where it is gone or damaged.
        """
        try:
            photo, version = await self._blobs.read(source.key, most=source.bytes)
            digest = (await asyncio.to_thread(hashlib.sha256, photo)).hexdigest()
            if len(photo) != source.bytes or digest != source.sha256:
                raise BlobCorruptError(f"The object {source.key} is not what was stored; upload it again.")
            # The verified bytes.
            await self._blobs.copy(
                source.key, key, version=version, media_type=source.media_type, owner=owner
            )
        except PermanentError as error:
            raise DomainError(
                "dead_letter_orphaned", f"Its photo cannot be read any more: {error.message} Discard it."
            ) from error
        return replace(source, key=key)

    async def _export(self, letter: DeadLetterRow, old: ExportScene, by: UUID, trace: Trace) -> UUID:
        at, fresh, asked_by = datetime.now(UTC), new_id(), await self._dead_letters.api_key_of(letter)
        command = replace(old, export_id=fresh, requested_at=at)
        submission = job_submission.export(command, api_key_id=asked_by, trace=trace)
        again = Again.of_export(fresh, at=at, until=submission.expires_at)
        await self._dead_letters.redrive(letter, again, by=by, records=submission.records)
        return fresh
