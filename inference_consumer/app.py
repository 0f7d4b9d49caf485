"""The inference consumer's composition root: builds its parts, starts and stops them in order."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from typing import Final

import structlog

from bus.blobs import Blobs, BlobStore
from bus.contract import topics
from bus.kafka import tls_check
from bus.kafka.processor import Processor
from bus.runtime import logs, process, tasks, telemetry
from bus.runtime.health import HealthServer
from inference_consumer import gpu, models, photo_reader, settings
from inference_consumer.batch_runner import Inference
from inference_consumer.batcher import Batcher
from inference_consumer.cancellations import Cancellations
from inference_consumer.engine import Engine
from inference_consumer.errors import DeviceLostError
from inference_consumer.handlers import Generations
from inference_consumer.photo_reader import PhotoReader
from inference_consumer.pipeline import Pipeline
from inference_consumer.progress import ProgressPublisher
from inference_consumer.settings import Settings

log = structlog.stdlib.get_logger(__name__)

_MIB: Final = 1024 * 1024
_RENEWAL_S: Final = 600.0
"""Jobs in hand may end that long before a restart for new weights; a CPU takes minutes for a full batch."""
_LAST_S: Final = 1.0
"""Time for the engine's batch to end after its jobs were cancelled."""


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status of `bus.runtime.process.exit_status`."""
    made: list[App] = []
    status = process.exit_status(lambda: _serve(made))
    if made and made[0].abandoned:  # a thread that still computes may crash the interpreter's shutdown
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _serve(made: list[App]) -> int:
    """Serve, and append the application to ``made`` even if it fails."""
    stated = settings.read()
    logs.configure("inference", stated.role.log_level)
    gpu.watch()
    made.append(create_app(stated))
    with telemetry.exporting("inference"):
        process.run(made[0].run())
    return process.DONE


def create_app(settings: Settings) -> App:
    """Return the application, not started. Raises `ConfigurationError` for an unknown model."""
    return App(settings, models.maker(settings.model))


class App:
    """One worker. ``await run()`` serves until SIGTERM or SIGINT."""

    def __init__(self, settings: Settings, make: models.MakeModel) -> None:
        self._settings = settings
        options = settings.inference
        self._engine = Engine(partial(make, settings), max_batch=options.max_batch)
        self._cancellations = Cancellations(
            settings.kafka,
            client_id=options.worker,
            topic=topics.CANCELLATIONS,
            heard=self._sweep,
        )
        self._processor: Processor | None = None
        self._inference: Inference | None = None
        self._stop = asyncio.Event()
        self._outdated = asyncio.Event()
        self.abandoned = False
        """Whether a batch was still running when `run` returned."""

    @property
    def ready(self) -> bool:
        """Whether the worker takes jobs."""
        return self._processor is not None and self._processor.ready

    @property
    def note(self) -> str | None:
        """What the model says about weights that are on their way."""
        model = models.renewable(self._engine.loaded)
        return model.note if model else None

    async def run(self) -> None:
        """Serve; return also where a fresh process would run better weights, after the jobs in hand.

        Raises errors of loading the model, `DeviceLostError`, and errors that end the processor, such as
        `FencedError`.
        """
        async with process.stop_on_signal(self._stop.set):
            try:
                await self._open_and_serve()
            finally:
                self.abandoned = not await self._engine.stop(within_s=_LAST_S)

    async def _open_and_serve(self) -> None:
        role = self._settings.role
        await tls_check.require(self._settings.kafka)
        async with (
            HealthServer(role.health_host, role.health_port, lambda: self.ready, lambda: self.note),
            BlobStore(self._settings.s3) as blobs,
            photo_reader.opened(self._settings.inference.decode_threads) as photos,
        ):
            # The model is loaded before jobs are taken, because a failed worker must not hold any.
            await tasks.first_of(self._engine.start(), self._stop.wait())
            if not self._stop.is_set():
                await self._serve(blobs, photos)

    async def _serve(self, blobs: Blobs, photos: PhotoReader) -> None:
        options = self._settings.inference
        engine = self._engine
        batcher = Batcher(
            limit=lambda: engine.limit,
            seconds=engine.seconds,
            size=engine.model.item_bytes,
            max_bytes=options.max_batch_mib * _MIB,
            max_delay_s=options.max_delay_ms / 1000,
        )
        self._inference = inference = Inference(engine, batcher)
        progress = ProgressPublisher(self._settings.kafka, client_id=options.worker)
        pipeline = Pipeline(
            blobs=blobs,
            model=engine.model,
            inference=inference,
            photos=photos,
            publish=progress,
            worker=options.worker,
            decode_threads=options.decode_threads,
            encode_threads=options.encode_threads,
            progress_after_s=options.progress_after_ms / 1000,
        )
        try:
            await tasks.first_of(
                self._consume(pipeline),
                inference.run(),
                progress.run(),
                self._cancellations.run(),
                self._lost(),
                self._watch_for_renewal(),
            )
        finally:
            pipeline.close()

    async def _consume(self, pipeline: Pipeline) -> None:
        await tasks.first_of(self._cancellations.ready.wait(), self._stop.wait(), self._outdated.wait())
        self._processor = processor = self._make_processor(pipeline)
        stopping = [
            asyncio.ensure_future(self._stop_when_requested(processor)),
            asyncio.ensure_future(self._drain_when_outdated(processor)),
        ]
        try:
            await processor.run()
        finally:
            await tasks.end(stopping)

    async def _stop_when_requested(self, processor: Processor) -> None:
        await self._stop.wait()
        await processor.stop()

    async def _drain_when_outdated(self, processor: Processor) -> None:
        await self._outdated.wait()
        log.info("restarting_for_new_weights", model=self._engine.model.info.name)
        await processor.stop(_RENEWAL_S)

    async def _watch_for_renewal(self) -> None:
        model = models.renewable(self._engine.model)
        if model is not None:
            await model.outdated()
            self._outdated.set()
        await asyncio.Event().wait()  # the processor ends the process, after its jobs

    async def _lost(self) -> None:
        await self._engine.lost.wait()
        raise DeviceLostError("The accelerator answers no more; a fresh process is needed.")

    def _make_processor(self, pipeline: Pipeline) -> Processor:
        options = self._settings.inference
        generations = Generations(pipeline, self._cancellations.wanted)
        return Processor(
            self._settings.kafka,
            group=options.group,
            topics=[topics.COMMANDS_INTERACTIVE, topics.COMMANDS_BULK],  # the retries rank between them
            retries=topics.GENERATION_RETRIES,
            dead=topics.GENERATION_DEAD,
            handle=generations.handle,
            give_up=generations.give_up,
            instance_id=options.instance_id,
            max_in_flight=options.max_in_flight,
            grace_s=options.stop_seconds,
        )

    def _sweep(self) -> None:
        if self._inference is not None:
            self._inference.sweep()
