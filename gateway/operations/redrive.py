"""A dead letter once more: as a new job that says which one it repeats, never as a second ending of the old.

The photo is copied, so that deleting either scene leaves the other whole.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from bus.blobs import Blobs
from bus.contract import topics
from bus.contract.ids import new_id
from bus.contract.messages import ExportRequested, ExportScene, GenerateScene, GenerationRequested
from bus.runtime.errors import PermanentError, SharpstreamError
from gateway.errors import DomainError
from gateway.operations.dead_letters import Again, DeadLetterRow, DeadLetterStore, settled
from gateway.outbox import told
from gateway.trace import Trace

_READ: Final = msgspec.json.Decoder(GenerateScene | ExportScene)


class Redriver:
    """Turns dead letters into new jobs."""

    def __init__(self, blobs: Blobs, bucket: str, dead_letters: DeadLetterStore) -> None:
        self._blobs = blobs
        self._bucket = bucket
        self._dead_letters = dead_letters

    async def redrive(self, letter: DeadLetterRow, *, by: UUID, trace: Trace) -> UUID:
        """Accept the job again and return the new one's id.

        Raises `DomainError`: dead_letter_settled, dead_letter_unreadable, dead_letter_orphaned.
        """
        if letter.state != "open":
            raise settled(letter.state)
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
            photo = await self._blobs.get(old.source)
        except PermanentError as error:
            raise DomainError(
                "dead_letter_orphaned", f"Its photo cannot be read any more: {error.message} Discard it."
            ) from error
        try:
            source = await self._blobs.put(key, photo, old.source.media_type)
            command = replace(old, generation_id=fresh, source=source, requested_at=at, expires_at=None)
            event = GenerationRequested(
                generation_id=fresh,
                account_id=old.account_id,
                source=source,
                priority=old.priority,
                api_key_id=asked_by,
                retry_of=old.generation_id,
            )
            records = [
                told(topics.commands_topic(old.priority), command, key=fresh, time=at, trace=trace),
                told(topics.EVENTS, event, key=old.account_id, time=at, trace=trace),
            ]
            url = source.url(self._bucket)
            again = Again.of_scene(fresh, url=url, at=at, api_key_id=asked_by)
            await self._dead_letters.redrive(letter, again, by=by, records=records)
        except BaseException:
            with suppress(SharpstreamError):  # the sweep finds what stays
                await asyncio.shield(self._blobs.delete(key))
            raise
        return fresh

    async def _export(self, letter: DeadLetterRow, old: ExportScene, by: UUID, trace: Trace) -> UUID:
        at, fresh, asked_by = datetime.now(UTC), new_id(), await self._dead_letters.api_key_of(letter)
        command = replace(old, export_id=fresh, requested_at=at)
        again = Again.of_export(fresh, at=at)
        if old.purpose is not None:  # the system's own: nobody is told
            records = [told(topics.BACKGROUND_COMMANDS, command, key=fresh, time=at, trace=trace)]
            await self._dead_letters.redrive(letter, again, by=by, records=records)
            return fresh
        event = ExportRequested(
            export_id=fresh,
            generation_id=old.generation_id,
            account_id=old.account_id,
            format=old.format,
            api_key_id=asked_by,
            options=old.options,
        )
        records = [
            told(topics.EXPORT_COMMANDS, command, key=fresh, time=at, trace=trace),
            told(topics.EVENTS, event, key=old.account_id, time=at, trace=trace),
        ]
        await self._dead_letters.redrive(letter, again, by=by, records=records)
        return fresh
