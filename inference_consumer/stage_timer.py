"""A job and its stage timer, which publishes each stage's start and records its duration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from bus.contract.messages import GenerateScene, GenerationProgress, Progress, Stage, Timings
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
    """Times one job's stages: publishes each stage's start and records its duration."""

    def __init__(self, job: Job, publish: PublishProgress) -> None:
        self._job, self._publish = job, publish
        self._ms: dict[str, float] = {}

    @property
    def timings(self) -> Timings:
        """The durations recorded so far."""
        return Timings(queued_ms=self._job.queued_ms, **self._ms)

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
        """Publish that a stage begins."""
        command = self._job.command
        self.publish(
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

    def publish(self, message: Progress) -> None:
        """Publish, logging any error: progress must not fail a job."""
        try:
            self._publish(message, self._job.attempt)
        except Exception:
            log.exception("progress_failed")
