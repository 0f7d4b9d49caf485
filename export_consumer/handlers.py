"""One export command in, one ending out: fetch, convert on a thread, store, tell."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bus import envelope, topics
from bus.blobs import Blobs
from bus.errors import SharpstreamError, UndecodableError
from bus.messages import BlobRef, Event, ExportCompleted, ExportFailed, ExportScene, Timings
from bus.processor import Record
from export_consumer.errors import UnsupportedFormatError
from export_consumer.formats import Writer

SOURCE: Final = "/sharpstream/export"
"""The CloudEvents source of everything that this role says."""


class Exports:
    """The handler of the export commands; ``writers`` is format name -> writer."""

    def __init__(self, blobs: Blobs, writers: Mapping[str, Writer]) -> None:
        self._blobs, self._writers = blobs, writers

    async def handle(self, record: Record) -> Sequence[envelope.OutRecord]:
        """Return the ``export.completed.v1`` of the command. Raises what the processor decides upon."""
        command = envelope.decode(record.topic, record.value, record.headers)
        message: ExportScene = command.message
        writer = self._writers.get(message.format)
        if writer is None:
            known = ", ".join(sorted(self._writers)) or "none yet"
            raise UnsupportedFormatError(f"{message.format} cannot be written; the formats are: {known}.")
        result, timings = await self._convert(message, writer)
        ending = ExportCompleted(
            export_id=message.export_id,
            generation_id=message.generation_id,
            account_id=message.account_id,
            format=message.format,
            result=result,
            timings=timings,
            attempt=record.attempt,
        )
        return [_told(command, ending)]

    def give_up(self, record: Record, error: SharpstreamError) -> Sequence[envelope.OutRecord]:
        """Return the ``export.failed.v1`` of a command that is given up on; nothing for an unreadable one."""
        try:
            command = envelope.decode(record.topic, record.value, record.headers)
        except UndecodableError:
            return []  # nobody knows whose it was; the record lies in the dead-letter topic
        message: ExportScene = command.message
        ending = ExportFailed(
            export_id=message.export_id,
            generation_id=message.generation_id,
            account_id=message.account_id,
            format=message.format,
            code=error.code,
            message=error.message,
            attempt=record.attempt,
        )
        return [_told(command, ending)]

    async def _convert(self, message: ExportScene, writer: Writer) -> tuple[BlobRef, Timings]:
        began = time.perf_counter()
        splat = await self._blobs.get(message.source)
        fetched = time.perf_counter()
        data = await asyncio.to_thread(writer.write, splat, message.options)
        encoded = time.perf_counter()
        # A key of its own for each attempt: a woken zombie must not overwrite the winner's file.
        key = f"exports/{message.export_id}/{secrets.token_hex(8)}{writer.suffix}"
        result = await self._blobs.put(key, data, writer.media_type)
        timings = Timings(
            fetch_ms=(fetched - began) * 1000,
            encode_ms=(encoded - fetched) * 1000,
            upload_ms=(time.perf_counter() - encoded) * 1000,
        )
        return result, timings


def _told(command: envelope.Envelope[Any], ending: Event) -> envelope.OutRecord:
    return envelope.record(
        topics.EVENTS,
        ending,
        key=ending.account_id,
        source=SOURCE,
        traceparent=command.traceparent,
        correlation_id=command.correlation_id,
    )
