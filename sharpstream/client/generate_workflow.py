"""The workflow of one photo: upload, follow, download, verify. Shows nothing; reports to a `Watch`."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sharpstream.client.asynchronous import AsyncClient
from sharpstream.client.errors import DOWNLOAD_FAILED, FILE_NOT_WRITTEN, TIMED_OUT, ServiceError
from sharpstream.client.models import Event, Scene
from sharpstream.client.models.events import PROGRESS_EVENT, STARTED_EVENT
from sharpstream.client.operations.by_hand import generate
from sharpstream.client.request import Moved
from sharpstream.client.retries import FIRST_PAUSE_S, Retries, polling

_SENT: Final = 0.1
"""The share of a bar that the upload takes; the service's stages reach `_MADE`, the download 1."""
_MADE: Final = 0.9
_DOWNLOAD_TRIES: Final = 3


class Watch(Protocol):
    """Receives a photo's progress."""

    def at(self, stage: str, fraction: float) -> None:
        """Record that ``stage`` is running and ``fraction`` (0 to 1) of the workflow is done."""
        ...


@dataclass(kw_only=True, slots=True)
class Job:
    """A photo, the target of its splat, and its generation's id once accepted."""

    photo: Path
    target: Path
    generation_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A splat on disk."""

    path: Path
    bytes: int
    sha256: str
    scene: Scene


async def make(
    client: AsyncClient, job: Job, fields: Mapping[str, Any], watch: Watch, *, timeout_s: float, replace: bool
) -> Made:
    """Turn the job's photo into a splat at its target.

    Sets ``job.generation_id`` once the photo is accepted. Raises `ServiceError`: the service's refusal,
    the failure that it reports, or code ``timed_out`` after ``timeout_s`` seconds.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await _submit(client, job, fields, watch)
            scene = await _finished(client, job, watch)
            return await _fetch(client, scene, job.target, watch, replace=replace)
    except TimeoutError as error:
        sentence = f"{job.photo.name} was not finished within {timeout_s:g} s; give it more with --timeout."
        if job.generation_id:
            sentence += f" The service continues with it: see GET /api/v1/scenes/{job.generation_id}."
        raise ServiceError(TIMED_OUT, sentence) from error


async def _submit(client: AsyncClient, job: Job, fields: Mapping[str, Any], watch: Watch) -> None:
    """Upload; retry as the service asks, within the job's time limit."""

    def moved(done: int, total: int | None) -> None:
        watch.at("send", _SENT * done / max(total or 1, done, 1))

    busy = Retries(max_wait_s=math.inf, on_pause=lambda _error, _pause: watch.at("wait", 0))
    accepted = await client.send(generate(job.photo, moved=moved, **fields), retries=busy)
    job.generation_id = accepted.generation_id
    watch.at("queue", _SENT)


async def _finished(client: AsyncClient, job: Job, watch: Watch) -> Scene:
    """Follow the generation to its end. Raises `ServiceError` where that is not a splat."""
    generation_id, furthest = job.generation_id or "", _SENT

    def lost(_: ServiceError | None) -> None:
        watch.at("reconnect", furthest)

    async for event in client.follow(generation_id, lost=lost):
        if (stage := _stage(event)) is not None:
            furthest = max(furthest, _SENT + (_MADE - _SENT) * stage[1])
            watch.at(stage[0], furthest)
        elif event.type == "generation.failed.v1":
            raise ServiceError(str(event.data.get("code")), str(event.data.get("message")))
        elif event.ends:
            break
    return _good(await _final_scene(client, generation_id))


def _stage(event: Event) -> tuple[str, float] | None:
    if event.type == STARTED_EVENT:
        return "start", 0.0
    if event.type == PROGRESS_EVENT:
        return str(event.data.get("stage")), min(max(float(event.data.get("fraction", 0)), 0.0), 1.0)
    return None


async def _final_scene(client: AsyncClient, generation_id: str) -> Scene:
    """Return the scene once it shows its ending; the ledger lags slightly behind the stream."""
    backoff = polling(FIRST_PAUSE_S / 5, factor=2)
    while True:
        try:
            scene = await client.scene(generation_id)
            if scene.ended:
                return scene
        except ServiceError as error:
            if not error.passing:
                raise
        await backoff.sleep()


def _good(scene: Scene) -> Scene:
    if scene.status == "failed":
        code = str(scene.part("error").get("code") or "failed")
        raise ServiceError(code, scene.error_message or "The service could not make a splat of it.")
    if scene.status == "cancelled":
        raise ServiceError("cancelled", "The generation was cancelled before it had a result.")
    return scene


async def _fetch(client: AsyncClient, scene: Scene, target: Path, watch: Watch, *, replace: bool) -> Made:
    """Download next to the target, verify, then move into place; a failure leaves nothing behind."""

    def moved(done: int, total: int | None) -> None:
        watch.at("save", _MADE + (1 - _MADE) * done / max(total or done, done, 1))

    part = target.with_name(f".{secrets.token_hex(8)}.part")  # a name as long as its own may be too long
    try:
        digest = await _download(client, scene, part, moved)
        size = _move_to_target(part, target, replace=replace)
    except OSError as error:
        raise ServiceError(FILE_NOT_WRITTEN, f"{target} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return Made(path=target, bytes=size, sha256=digest, scene=scene)


async def _download(client: AsyncClient, scene: Scene, part: Path, moved: Moved) -> str:
    """Fetch the splat and return its sha256; a few attempts, each with a newly signed URL."""
    for left in reversed(range(_DOWNLOAD_TRIES)):
        try:
            return await _try_download(client, scene, part, moved)
        except ServiceError as error:
            if not left:
                raise ServiceError(DOWNLOAD_FAILED, error.message, status=error.status) from error
        await asyncio.sleep(FIRST_PAUSE_S)
        scene = await client.scene(scene.id)
    raise AssertionError("the last try returns or raises")  # pragma: no cover


async def _try_download(client: AsyncClient, scene: Scene, part: Path, moved: Moved) -> str:
    if not scene.generated_3d_gaussian_url:
        raise ServiceError(DOWNLOAD_FAILED, "The service says completed but gives no URL of the splat.")
    with part.open("wb") as file:
        digest = await client.download(scene.generated_3d_gaussian_url, file, moved)
    if digest != scene.part("result").get("sha256", digest):
        raise ServiceError(DOWNLOAD_FAILED, "The splat arrived damaged: its sha256 differs. Try again.")
    return digest


def _move_to_target(part: Path, target: Path, *, replace: bool) -> int:
    """Move the complete file to its target and return its size in bytes."""
    if not replace and target.exists():
        raise ServiceError(FILE_NOT_WRITTEN, f"{target} has appeared meanwhile; --force replaces it.")
    part.replace(target)
    return target.stat().st_size
