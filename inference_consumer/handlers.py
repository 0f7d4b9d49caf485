"""Handles generation commands: decodes one, runs the pipeline, returns its one ending."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from msgspec import UNSET

from bus.contract import envelope, topics
from bus.contract.limits import SILENT_AFTER
from bus.contract.messages import (
    Event,
    GenerateScene,
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    Timings,
)
from bus.kafka.processor import Record
from bus.runtime import tracing
from bus.runtime.errors import SharpstreamError, UndecodableError
from inference_consumer import metrics
from inference_consumer.errors import GenerationStoppedError
from inference_consumer.pipeline import Pipeline, PipelineResult
from inference_consumer.progress import SOURCE
from inference_consumer.stage_timer import Job

log = structlog.stdlib.get_logger(__name__)


class Generations:
    """The handler of generation commands; ``cancelled`` returns whether cancellation was requested."""

    def __init__(
        self,
        pipeline: Pipeline,
        cancelled: Callable[[UUID], bool],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pipeline, self._cancelled, self._now = pipeline, cancelled, now

    async def handle(self, record: Record) -> Sequence[envelope.OutRecord]:
        """Return the command's ``completed`` or ``cancelled``. Raises errors for the processor to handle.

        Returns nothing if the job was taken before its expiry and ends `SILENT_AFTER` after it. This process
        was paused, and the ledger may have ended the job (`ledger.lost_jobs`).
        """
        command = envelope.decode(record.topic, record.value, record.headers)
        message: GenerateScene = command.message
        taken_at = self._now()
        with (
            structlog.contextvars.bound_contextvars(
                generation_id=str(message.generation_id),
                account_id=str(message.account_id),
                correlation_id=command.correlation_id,
            ),
            _span(command, record) as span,
        ):
            try:
                made = await self._pipeline.make(self._job(message, record, span.traceparent))
            except GenerationStoppedError as stopped:
                ending: Event = _cancelled(message, stopped.reason)
                metrics.GENERATIONS.labels("cancelled").inc()
                log.info("generation_cancelled", reason=stopped.reason)
            except Exception as error:
                metrics.GENERATIONS.labels(getattr(error, "code", "internal")).inc()
                if self._silent(message, taken_at):
                    return []
                raise
            else:
                ending = _completed(message, made, record.attempt)
                span.set(model=made.model.name, batch_size=made.model.batch_size)
                metrics.GENERATIONS.labels("completed").inc()
                metrics.GENERATION_SECONDS.labels(message.priority.value).observe(self._age_s(message))
                log.info(
                    "generation_completed", batch_size=made.model.batch_size, gaussians=made.gaussian_count
                )
            if self._silent(message, taken_at):
                return []
        return [_event_record(command, ending, span.traceparent)]

    def give_up(self, record: Record, error: SharpstreamError) -> Sequence[envelope.OutRecord]:
        """Return the ``failed`` event of a command that is given up; nothing if it is undecodable."""
        try:
            command = envelope.decode(record.topic, record.value, record.headers)
        except UndecodableError:
            return []  # its account is unknown; the record is in the dead-letter topic
        message: GenerateScene = command.message
        timings = error.details.get("timings")
        ending = GenerationFailed(
            generation_id=message.generation_id,
            account_id=message.account_id,
            code=error.code,
            message=error.message,
            attempt=record.attempt,
            **({"timings": timings} if isinstance(timings, Timings) else {}),
        )
        return [_event_record(command, ending, command.traceparent)]

    def _job(self, command: GenerateScene, record: Record, traceparent: str | None) -> Job:
        age_s = self._age_s(command)
        metrics.QUEUE_SECONDS.labels(command.priority.value).observe(age_s)
        if tracing.enabled():
            now_ns = time.time_ns()
            tracing.past("queue", traceparent, began_ns=now_ns - int(age_s * 1e9), ended_ns=now_ns)

        def check() -> None:
            if self._cancelled(command.generation_id):
                raise GenerationStoppedError("requested")
            if _expired(command, self._now()):
                raise GenerationStoppedError("expired")

        return Job(
            command=command,
            attempt=record.attempt,
            queued_ms=round(age_s * 1000, 3),
            check=check,
            traceparent=traceparent,
        )

    def _age_s(self, command: GenerateScene) -> float:
        return max(0.0, (self._now() - _aware(command.requested_at)).total_seconds())

    def _silent(self, command: GenerateScene, taken_at: datetime) -> bool:
        """Whether it is too late to publish the ending of a job that was taken in time."""
        if _expired(command, taken_at) or not _expired(command, self._now() - SILENT_AFTER):
            return False
        log.error("ending_too_late", taken_at=taken_at.isoformat(), expires_at=str(command.expires_at))
        return True


def _expired(command: GenerateScene, at: datetime) -> bool:
    return command.expires_at is not None and _aware(command.expires_at) <= at


def _aware(moment: datetime) -> datetime:
    """Return the time, as UTC if it has no zone; JSON allows both."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _completed(command: GenerateScene, made: PipelineResult, attempt: int) -> GenerationCompleted:
    return GenerationCompleted(
        generation_id=command.generation_id,
        account_id=command.account_id,
        result=made.result,
        gaussian_count=made.gaussian_count,
        image_width=made.camera.width,
        image_height=made.camera.height,
        focal_length_px=made.camera.focal_px,
        input_sha256=command.source.sha256,  # verified on download
        model=made.model,
        timings=made.timings,
        attempt=attempt,
        focal_source=made.focal_source,
        scale_uncertainty=UNSET if made.scale_spread is None else made.scale_spread,
        photo=UNSET if made.photo is None else made.photo,
        thumbnail=UNSET if made.thumbnail is None else made.thumbnail,
    )


def _cancelled(command: GenerateScene, reason: str) -> GenerationCancelled:
    return GenerationCancelled(
        generation_id=command.generation_id, account_id=command.account_id, reason=reason
    )


def _span(command: envelope.Envelope[Any], record: Record) -> tracing.Span:
    message: GenerateScene = command.message
    return tracing.span(
        f"process {command.type}",
        command.traceparent,
        kind=tracing.CONSUMER,
        generation_id=message.generation_id,
        account_id=message.account_id,
        priority=message.priority.value,
        attempt=record.attempt,
        destination=record.topic.name,
    )


def _event_record(
    command: envelope.Envelope[Any], ending: Event, traceparent: str | None
) -> envelope.OutRecord:
    return envelope.record(
        topics.EVENTS,
        ending,
        key=ending.account_id,
        source=SOURCE,
        traceparent=traceparent,
        correlation_id=command.correlation_id,
    )
