"""A job and its stage timer, which publishes the stages that last and records the duration of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import structlog

from bus.contract.messages import (
    GenerateScene,
    GenerationProgress,
    GenerationStarted,
    Progress,
    Stage,
    Timings,
)
from bus.runtime import tracing
from inference_consumer import metrics

log = structlog.stdlib.get_logger(__name__)

PublishProgress = Callable[[Progress, int], None]
"""Takes a message and its attempt; must not wait."""
FRACTIONS: Final = {
    Stage.FETCH: 0.0,
    Stage.DECODE: 0.1,
    Stage.BATCH: 0.25,
    Stage.INFERENCE: 0.35,
    Stage.ENCODE: 0.8,
    Stage.UPLOAD: 0.9,
}
"""The fraction done when a stage begins; rough, for display only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A command to execute. ``check`` raises `GenerationStoppedError` once it must stop."""

    command: GenerateScene
    attempt: int
    queued_ms: float
    check: Callable[[], None]
    traceparent: str | None = None
    """The parent of its stages' spans."""


class StageTimer:
    """Times one job's stages, within ``async with``; called from the event loop.

    The start of the job, and of each stage, is published once it has lasted ``after_s``: of what is over
    sooner the ending says enough, and seven records of a quick job cost more than its own event.
    """

    def __init__(self, job: Job, publish: PublishProgress, *, after_s: float) -> None:
        self._job, self._publish, self._after_s = job, publish, after_s
        self._ms: dict[str, float] = {}
        self._started: asyncio.TimerHandle | None = None
        self._stage: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in (self._started, self._stage):
            if timer is not None:
                timer.cancel()

    @property
    def timings(self) -> Timings:
        """The durations recorded so far."""
        return Timings(queued_ms=self._job.queued_ms, **self._ms)

    def start(self, message: GenerationStarted) -> None:
        """Publish, in time, that the job has begun."""
        self._started = self._publish_later(message)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Publish and time the body as a stage, also if it fails."""
        self.begin(stage)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spent(stage, time.perf_counter() - began)

    def begin(self, stage: Stage) -> None:
        """Publish, in time, that a stage has begun."""
        command = self._job.command
        if self._stage is not None:
            self._stage.cancel()
        self._stage = self._publish_later(
            GenerationProgress(
                generation_id=command.generation_id,
                account_id=command.account_id,
                stage=stage,
                fraction=FRACTIONS[stage],
            )
        )

    def spent(self, stage: Stage, seconds: float, *, ended_s: float = 0.0) -> None:
        """Record how long a stage took; it ended ``ended_s`` seconds ago."""
        metrics.STAGE_SECONDS.labels(stage.value).observe(seconds)
        name = "batch_wait" if stage is Stage.BATCH else stage.value
        self._ms[f"{name}_ms"] = round(seconds * 1000, 3)
        if tracing.enabled():
            ended_ns = time.time_ns() - int(ended_s * 1e9)
            began_ns = ended_ns - int(seconds * 1e9)
            tracing.past(name, self._job.traceparent, began_ns=began_ns, ended_ns=ended_ns)

    def _publish_later(self, message: Progress) -> asyncio.TimerHandle | None:
        if not self._after_s:
            self._publish_now(message)
            return None
        return asyncio.get_running_loop().call_later(self._after_s, self._publish_now, message)

    def _publish_now(self, message: Progress) -> None:
        """Publish, logging any error: progress must not fail a job."""
        try:
            self._publish(message, self._job.attempt)
        except Exception:
            log.exception("progress_failed")
