"""Handles export commands: fetches the splat, converts it in a worker process, stores the file.

A preview's command names the photo too: then the scene is compared with it. The scores are best effort:
without them the export is complete.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog
from msgspec import UNSET, UnsetType

from bus.blobs import Blobs
from bus.contract import envelope, topics
from bus.contract import options as export_options
from bus.contract.blob_ref import BlobRef
from bus.contract.limits import SILENT_AFTER
from bus.contract.messages import (
    ExportCompleted,
    ExportEnding,
    ExportFailed,
    ExportScene,
    Scores,
    Timings,
)
from bus.contract.options import Options
from bus.kafka.processor import Record
from bus.runtime import tracing
from bus.runtime.errors import SharpstreamError, UndecodableError
from bus.runtime.turns import Turns
from export_consumer.errors import ExpiredError
from export_consumer.formats import File, check

SOURCE: Final = "/sharpstream/export"
"""The CloudEvents source of this role's messages."""
log = structlog.stdlib.get_logger(__name__)


class Converts(Protocol):
    """Converts a splat into a format: `export_consumer.pool.Converter`."""

    async def convert(self, name: str, options: Options, data: bytes, *, background: bool = False) -> File:
        """Return the file; ``background``: no user waits for it."""
        ...

    async def score(self, data: bytes, photo: bytes) -> Scores:
        """Return how true the splat ``data`` is to its photo."""
        ...


class Exports:
    """The handler of the export commands; with ``turns`` each waits for its account's."""

    def __init__(
        self,
        blobs: Blobs,
        converter: Converts,
        *,
        turns: Turns | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._blobs, self._converter, self._now, self._turns = blobs, converter, now, turns

    async def handle(self, record: Record) -> Sequence[envelope.OutRecord]:
        """Return the ``export.completed.v1`` of the command. Raises errors for the processor to handle.

        Raises `ExpiredError` for a command that has expired. Returns nothing if the export was taken before
        its expiry and ends `SILENT_AFTER` after it. This process was paused, and the ledger may have ended
        the export (`ledger.lost_jobs`).
        """
        command = envelope.decode(record.topic, record.value, record.headers)
        message: ExportScene = command.message
        if _expired(message, self._now()):
            raise ExpiredError("Nobody took it in time; ask for the export again.")
        turn = self._turns.of(message.account_id) if self._turns else nullcontext()
        try:
            async with turn:
                ending = await self._ending(command, record)
        except Exception:
            if self._silent(message):
                return []
            raise
        return [] if self._silent(message) else [ending]

    async def _ending(self, command: envelope.Envelope[Any], record: Record) -> envelope.OutRecord:
        message: ExportScene = command.message
        with (
            structlog.contextvars.bound_contextvars(
                export_id=str(message.export_id),
                generation_id=str(message.generation_id),
                account_id=str(message.account_id),
                correlation_id=command.correlation_id,
            ),
            _span(command, record) as span,
        ):
            check(message.format)
            export_options.read(message.format, message.options)  # validated before 66 MB are fetched
            splat, result, timings = await self._convert(message, span.traceparent)
            scores = await self._score(splat, message.photo) if message.photo else UNSET
            log.info("export_completed", format=message.format, bytes=result.bytes)
        ending = ExportCompleted(
            export_id=message.export_id,
            generation_id=message.generation_id,
            account_id=message.account_id,
            format=message.format,
            result=result,
            timings=timings,
            attempt=record.attempt,
            scores=scores,
        )
        return _event_record(command, ending, span.traceparent)

    def give_up(self, record: Record, error: SharpstreamError) -> Sequence[envelope.OutRecord]:
        """Return the ``export.failed.v1`` of a command that is given up; nothing if it is undecodable."""
        try:
            command = envelope.decode(record.topic, record.value, record.headers)
        except UndecodableError:
            return []  # its account is unknown; the record is in the dead-letter topic
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
        return [_event_record(command, ending, command.traceparent)]

    def _silent(self, message: ExportScene) -> bool:
        """Whether it is too late to publish the ending of an export that was taken in time."""
        late = _expired(message, self._now() - SILENT_AFTER)
        if late:
            log.error("ending_too_late", export_id=str(message.export_id), expires_at=str(message.expires_at))
        return late

    async def _score(self, splat: bytes, photo: BlobRef) -> Scores | UnsetType:
        """Return the scores of the splat; nothing where the photo or a model of scores is unusable."""
        try:
            return await self._converter.score(splat, await self._blobs.get(photo))
        except Exception as error:  # noqa: BLE001  (whatever it is, the file is there)
            code = getattr(error, "code", "internal")
            log.warning("scores_missing", code=code, error=str(error))
            return UNSET

    async def _convert(self, message: ExportScene, traceparent: str | None) -> tuple[bytes, BlobRef, Timings]:
        began = time.perf_counter()
        with tracing.span("fetch", traceparent):
            splat = await self._blobs.get(message.source)
        fetched = time.perf_counter()
        with tracing.span("encode", traceparent):
            made = await self._converter.convert(
                message.format, message.options, splat, background=message.purpose is not None
            )
        encoded = time.perf_counter()
        # Each attempt has its own key: a process resumed after a pause must not overwrite a newer file.
        key = f"exports/{message.export_id}/{secrets.token_hex(8)}{made.suffix}"
        with tracing.span("upload", traceparent):
            result = await self._blobs.put(key, made.data, made.media_type, owner=message.account_id)
        timings = Timings(
            fetch_ms=(fetched - began) * 1000,
            encode_ms=(encoded - fetched) * 1000,
            upload_ms=(time.perf_counter() - encoded) * 1000,
        )
        return splat, result, timings


def _expired(message: ExportScene, at: datetime) -> bool:
    until = message.expires_at
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return until is not None and until <= at


def _span(command: envelope.Envelope[Any], record: Record) -> tracing.Span:
    message: ExportScene = command.message
    return tracing.span(
        f"process {command.type}",
        command.traceparent,
        kind=tracing.CONSUMER,
        export_id=message.export_id,
        generation_id=message.generation_id,
        account_id=message.account_id,
        attempt=record.attempt,
        destination=record.topic.name,
    )


def _event_record(
    command: envelope.Envelope[Any], ending: ExportEnding, traceparent: str | None
) -> envelope.OutRecord:
    own = command.message.purpose is not None
    return envelope.record(
        topics.BACKGROUND_ENDINGS if own else topics.EVENTS,
        ending,
        key=ending.export_id if own else ending.account_id,
        source=SOURCE,
        traceparent=traceparent,
        correlation_id=command.correlation_id,
    )
