"""Runs a generation from photo to stored splat, in three overlapping stages; many run concurrently.

The stages are fetch and decode (loop, worker processes, preparing threads), batch and engine
(`batch_runner`), encode and upload (encoding threads and loop). It must not know Kafka records or interpret
errors: the handlers do.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from bus.blobs import Blobs
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import (
    FocalSource,
    GenerateScene,
    GenerationStarted,
    ModelRun,
    Stage,
    Timings,
)
from bus.contract.models import matches
from bus.contract.splat import MEDIA_TYPE, Camera
from bus.runtime.errors import SharpstreamError
from inference_consumer.batch_runner import Inference, Served
from inference_consumer.errors import ModelUnavailableError
from inference_consumer.models import Model, Photo, Splat
from inference_consumer.photo_reader import PhotoReader
from inference_consumer.stage_timer import Job, PublishProgress, StageTimer
from photo import focal, rendition
from photo.turns import Pixels

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineResult:
    """The result of a job; ``scale_spread`` as in `inference_consumer.models.Estimates`.

    ``photo`` and ``thumbnail`` (`photo.rendition`) are None where they could not be stored; the gateway makes
    them when it is asked for the scene.
    """

    result: BlobRef
    photo: BlobRef | None
    thumbnail: BlobRef | None
    gaussian_count: int
    camera: Camera
    focal_source: FocalSource
    scale_spread: float | None
    model: ModelRun
    timings: Timings


class Pipeline:
    """Runs jobs; ``worker`` is this process's name in progress messages.

    ``progress_after_s``: what is over sooner is not published as progress.
    """

    def __init__(
        self,
        *,
        blobs: Blobs,
        model: Model,
        inference: Inference,
        photos: PhotoReader,
        publish: PublishProgress,
        worker: str,
        decode_threads: int,
        encode_threads: int,
        progress_after_s: float,
    ) -> None:
        self._blobs, self._model, self._inference = blobs, model, inference
        self._publish, self._worker, self._progress_after_s = publish, worker, progress_after_s
        self._photos = photos
        self._preparers = ThreadPoolExecutor(decode_threads, thread_name_prefix="prepare")
        self._encoders = ThreadPoolExecutor(encode_threads, thread_name_prefix="encode")

    async def make(self, job: Job) -> PipelineResult:
        """Run the job and return its result.

        Raises the error of the failed stage, with ``details["timings"]`` of the stages before it.
        """
        async with StageTimer(job, self._publish, after_s=self._progress_after_s) as watch:
            try:
                return await self._make(job, watch)
            except SharpstreamError as error:
                error.details["timings"] = watch.timings
                raise

    def close(self) -> None:
        """Shut the thread pools down without waiting for running work."""
        self._preparers.shutdown(wait=False, cancel_futures=True)
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _make(self, job: Job, watch: StageTimer) -> PipelineResult:
        command = job.command
        watch.start(
            GenerationStarted(
                generation_id=command.generation_id,
                account_id=command.account_id,
                worker=self._worker,
                attempt=job.attempt,
            )
        )
        job.check()
        self._check_model(command)
        with self._inference.coming(command.priority):
            taken, item = await self._prepared(job, watch)
        camera, focal_source = taken.camera, taken.focal_source
        seen = asyncio.ensure_future(self._seen(command, taken.pixels))
        try:
            served = await self._served(job, item, watch)
            del item, taken  # frees their memory while the result is encoded
            result = await self._stored(job, served.splat, watch)
            photo, thumbnail = await seen
        finally:
            seen.cancel()
        found = served.splat.estimates
        if found.focal_px is not None and focal.plausible(found.focal_px, camera.width, camera.height):
            camera, focal_source = camera._replace(focal_px=found.focal_px), FocalSource.NETWORK
        return PipelineResult(
            result=result,
            photo=photo,
            thumbnail=thumbnail,
            gaussian_count=served.splat.count,
            camera=camera,
            focal_source=focal_source,
            scale_spread=_finite(found.scale_spread),
            model=self._run_of(served),
            timings=watch.timings,
        )

    def _check_model(self, command: GenerateScene) -> None:
        name = self._model.info.name
        if command.model is not None and not matches(command.model, name):
            raise ModelUnavailableError(
                f"The model {command.model} is not served here; leave it out, or ask for {name}."
            )

    async def _prepared(self, job: Job, watch: StageTimer) -> tuple[Photo, Any]:
        command = job.command
        with watch.stage(Stage.FETCH):
            data = await self._blobs.get(command.source)
        job.check()
        with watch.stage(Stage.DECODE):
            taken = await self._photos.decode(
                data,
                command.account_id,
                focal_px=command.focal_length_px,
                focal_mm=command.focal_length_mm,
            )
            del data
            return taken, await self._on(self._preparers, lambda: self._model.prepare(taken))

    async def _seen(self, command: GenerateScene, pixels: Pixels) -> Sequence[BlobRef | None]:
        """Store rendition and thumbnail while the network works; return both, or two None.

        Best effort: a scene is not worth less without them.
        """
        generation_id, owner = command.generation_id, command.account_id

        def put(file: bytes) -> Awaitable[BlobRef]:
            key = f"results/{generation_id}/{secrets.token_hex(16)}{rendition.SUFFIX}"
            return self._blobs.put(key, file, rendition.MEDIA_TYPE, owner=owner)

        try:
            made = await self._on(self._preparers, lambda: rendition.encode(pixels))
            return await asyncio.gather(*map(put, made))
        except (SharpstreamError, OSError, ValueError, MemoryError) as error:
            log.warning("rendition_missing", generation_id=str(generation_id), error=str(error))
            return None, None

    async def _served(self, job: Job, item: Any, watch: StageTimer) -> Served:
        watch.begin(Stage.BATCH)
        served = await self._inference.submit(
            item,
            priority=job.command.priority,
            check=job.check,
            began=lambda: watch.begin(Stage.INFERENCE),
        )
        watch.spent(Stage.BATCH, served.waited_s, ended_s=served.seconds)
        watch.spent(Stage.INFERENCE, served.seconds)
        return served

    async def _stored(self, job: Job, splat: Splat, watch: StageTimer) -> BlobRef:
        with watch.stage(Stage.ENCODE):
            file = await self._on(self._encoders, splat.ply)
        # Each attempt has its own key: a process resumed after a pause must not overwrite a newer file.
        key = f"results/{job.command.generation_id}/{secrets.token_hex(16)}.ply"
        with watch.stage(Stage.UPLOAD):
            return await self._blobs.put(key, file, MEDIA_TYPE, owner=job.command.account_id)

    def _run_of(self, served: Served) -> ModelRun:
        info = self._model.info
        return ModelRun(
            name=info.name,
            version=info.version,
            weights_sha256=info.weights_sha256,
            dtype=info.dtype,
            device=info.device,
            batch_size=served.batch_size,
        )

    @staticmethod
    async def _on(pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, call)


def _finite(value: float | None) -> float | None:
    """Return the number, None for one that JSON cannot hold."""
    return value if value is not None and math.isfinite(value) else None
