"""Conversions in worker processes, which isolate each other's failures."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bus.contract.options import Options, OptionsError
from export_consumer import pool as pools
from export_consumer import splat
from export_consumer.errors import (
    ConverterError,
    NothingLeftError,
    PhotoUnreadableError,
    SplatCorruptError,
    TooLargeError,
    TooSlowError,
)
from export_consumer.pool import Converter, converting
from export_consumer.settings import ConverterSettings
from tests.export_consumer.scenes import ply, scene
from tests.export_consumer.tiny_onnx import mean_difference

PLY = ply(scene())


@pytest.fixture
async def converter() -> AsyncIterator[Converter]:
    async with converting(ConverterSettings(workers=1)) as made:
        yield made


def only(converter: Converter) -> int:
    """Return the process id of the only idle worker."""
    (worker,) = converter._idle[False]
    return worker.process.pid


async def test_a_worker_is_reused(converter: Converter) -> None:
    made = await converter.convert("ply", {}, PLY)
    assert splat.read(made.data).gaussians.size == scene().gaussians.size
    assert (made.media_type, made.suffix) == ("application/ply", ".ply")
    first = only(converter)
    assert (await converter.convert("splat", {"max_gaussians": 10}, PLY)).data.__len__() == 320
    assert only(converter) == first


async def test_invalid_input_does_not_end_the_worker(converter: Converter) -> None:
    for options, data, error in [
        ({"up": "sideways"}, PLY, OptionsError),
        ({}, b"ply\nformat ascii 1.0\n", SplatCorruptError),
        ({}, PLY[:-1], SplatCorruptError),
        ({"min_opacity": 0.999}, PLY, NothingLeftError),
    ]:
        with pytest.raises(error):
            await converter.convert("ply", options, data)
    first = only(converter)
    await converter.convert("ply", {}, PLY)
    assert only(converter) == first


async def test_a_crash_fails_one_job(converter: Converter) -> None:
    await converter.convert("ply", {}, PLY)
    os.kill(only(converter), signal.SIGSEGV)
    with pytest.raises(ConverterError, match="died"):
        await converter.convert("ply", {}, PLY)
    await converter.convert("ply", {}, PLY)


async def test_a_killed_worker_fails_only_its_own_job() -> None:
    async with converting(ConverterSettings(workers=2)) as converter:
        await asyncio.gather(*(converter.convert("ply", {}, PLY) for _ in range(2)))
        doomed, other = (
            worker.process.pid for worker in reversed(converter._idle[False])
        )  # the last is taken first
        os.kill(doomed, signal.SIGSTOP)
        waiting = asyncio.ensure_future(converter.convert("ply", {}, PLY))
        while len(converter._idle[False]) == 2:  # noqa: ASYNC110  (a thread takes it)
            await asyncio.sleep(0.01)
        assert (await converter.convert("ply", {}, PLY)).data
        assert only(converter) == other
        os.kill(doomed, signal.SIGKILL)
        with pytest.raises(ConverterError, match="status -9"):
            await waiting
        assert only(converter) == other


async def test_a_hanging_worker_is_replaced() -> None:
    large = ply(scene(60))  # more than a socket buffers, so even the write blocks
    settings = ConverterSettings(workers=1, timeout_seconds=3)  # also for the start of the process
    async with converting(settings) as converter:
        await converter.convert("ply", {}, PLY)
        hung = only(converter)
        os.kill(hung, signal.SIGSTOP)
        with pytest.raises(TooSlowError, match="max_gaussians"):
            await converter.convert("ply", {}, large)
        assert not converter._all


@pytest.mark.parametrize(
    ("name", "options", "memory_mb"),
    [("ply", {"up": "y"}, 320), ("ksplat", {}, 480)],
    ids=["our own", "a library's"],
)
async def test_memory_is_limited(name: str, options: Options, memory_mb: int) -> None:
    large = ply(scene(800))  # 96 MB, and several copies of it while it is written
    async with converting(ConverterSettings(workers=1, worker_memory_mb=memory_mb)) as converter:
        with pytest.raises(TooLargeError, match="max_gaussians"):
            await converter.convert(name, options, large)
        assert (await converter.convert(name, options, PLY)).data


async def test_a_scene_is_scored_at_low_priority(converter: Converter, tmp_path: Path) -> None:
    (tmp_path / "lpips.onnx").write_bytes(mean_difference())
    small, picture = [
        (await converter.convert("png", {"size": size}, PLY, background=True)).data for size in (64, 128)
    ]
    found = await converter.score(PLY, picture)
    assert (found.size, found.lpips, found.psnr > 40) == (128, None, True)
    (worker,) = converter._idle[True]
    (tmp_path / "dists.onnx").write_bytes(b"Not a network.")
    models = ConverterSettings(
        workers=1, lpips_model=tmp_path / "lpips.onnx", dists_model=tmp_path / "dists.onnx"
    )
    async with converting(models) as other:
        with capture_logs() as logs:
            assert (await other.score(PLY, picture)).lpips == pytest.approx(0, abs=0.01)
        assert [(line["event"], line["score"]) for line in logs] == [("score_missing", "dists")]
    for photo in (b"Not a photo.", small):
        with pytest.raises(PhotoUnreadableError):
            await converter.score(PLY, photo)
    with pytest.raises(SplatCorruptError):
        await converter.score(PLY[:-1], picture)
    assert converter._idle[True] == [worker]


async def test_workers_see_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:hunter2@h/d")
    folders = pools._Folders()
    assert "hunter2" not in str(pools._environment(ConverterSettings(), folders))
    folders.remove()


async def test_workers_are_replaced_after_some_jobs(
    converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "JOBS_EACH", 2)
    await converter.convert("ply", {}, PLY)
    first = only(converter)
    await converter.convert("ply", {}, PLY)
    await converter.convert("ply", {}, PLY)
    assert only(converter) != first


async def test_stopping_ends_every_process_and_waiting_call() -> None:
    async with converting(ConverterSettings(workers=1)) as converter:
        await converter.convert("ply", {}, PLY)
        worker = converter._idle[False][0].process
        os.kill(worker.pid, signal.SIGSTOP)
        waiting = asyncio.ensure_future(converter.convert("ply", {}, PLY))
        while converter._idle[False]:  # noqa: ASYNC110  (a thread takes it)
            await asyncio.sleep(0.01)
    with pytest.raises(ConverterError):
        await waiting
    assert worker.returncode == -signal.SIGKILL


async def test_background_work_is_niced_and_within_the_worker_limit() -> None:
    async with converting(ConverterSettings(workers=2)) as converter:
        await asyncio.gather(*(converter.convert("ply", {}, PLY) for _ in range(2)))
        assert len(converter._all) == 2
        await converter.convert("ply", {}, PLY, background=True)
        (nice,) = converter._idle[True]
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, nice.process.pid) == min(19, own + pools.BACKGROUND_NICE)
        assert os.getpriority(os.PRIO_PROCESS, only(converter)) == min(19, own + pools.NICE)
        assert converter._all == {nice, *converter._idle[False]}
