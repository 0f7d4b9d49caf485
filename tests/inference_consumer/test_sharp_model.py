from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import gsply
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import KafkaSettings, RoleSettings, S3Settings
from inference_consumer import sharp_model
from inference_consumer.engine import Engine
from inference_consumer.errors import DeviceLostError, ResultNotFiniteError
from inference_consumer.models import Photo, maker
from inference_consumer.settings import (
    CacheSettings,
    InferenceSettings,
    LayeredSettings,
    Settings,
    SharpSettings,
)
from inference_consumer.sharp import SharpConfig
from inference_consumer.sharp_model import SharpModel
from tests.inference_consumer.pictures import quadrants
from tests.inference_consumer.sharp.fixtures import weights
from tests.inference_consumer.test_pipeline import job


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(weights(SharpConfig.tiny_flat()), path)
    return path


def settings(**sharp: Any) -> Settings:
    stated = {"accept_license": "research-only", "preset": "tiny_flat", "device": "cpu", "cpu_threads": 1}
    return Settings(
        role=RoleSettings(),
        inference=InferenceSettings(model="sharp"),
        sharp=SharpSettings(**(stated | sharp)),
        layered=LayeredSettings(),
        cache=CacheSettings(),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        s3=S3Settings(),
    )


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> SharpModel:
    made = maker("sharp")(settings(checkpoint=str(checkpoint)))
    assert isinstance(made, SharpModel)
    return made


def photos() -> list[Photo]:
    return [
        Photo(pixels=quadrants(64, 48), focal_px=60.0),
        Photo(pixels=quadrants(300, 500), focal_px=400.0),
        Photo(pixels=np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8), focal_px=120.0),
    ]


def test_photos_of_any_size_share_a_batch_and_each_gets_its_own_result(
    model: SharpModel, tmp_path: Path
) -> None:
    batch = photos()
    results = model.run([model.prepare(each) for each in batch])
    for number, (photo, splat) in enumerate(zip(batch, results, strict=True)):
        (alone,) = model._network.predict([photo.pixels], [photo.focal_px])
        path = tmp_path / f"{number}.ply"
        assert not isinstance(splat, Exception)
        path.write_bytes(splat.ply())
        data = gsply.plyread(path)
        assert splat.count == len(data.means) == SharpConfig.tiny_flat().gaussians
        np.testing.assert_allclose(data.means, alone.means, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(np.exp(data.scales), alone.scales, rtol=1e-2, atol=1e-6)


def test_a_batch_run_at_a_yield_point_changes_neither_result(model: SharpModel) -> None:
    long, short = [model.prepare(each) for each in photos()[1:]], [model.prepare(photos()[0])]
    alone = [[splat.ply() for splat in model.run(items)] for items in (long, short)]
    pauses, between = 0, []

    def pause() -> None:
        nonlocal pauses
        pauses += 1
        if pauses % 20 == 5:
            between.extend(model.run(short, pause=lambda: None))

    together = [splat.ply() for splat in model.run(long, pause)]
    assert [bytes(ply) for ply in together] == [bytes(ply) for ply in alone[0]]
    assert {bytes(splat.ply()) for splat in between} == {bytes(alone[1][0])}
    # A yield point at each block of both ViTs and each convolution, far less than a tenth of a batch apart.
    assert pauses > 50
    assert len(between) >= 3


def test_a_splat_frees_its_memory_when_written(model: SharpModel) -> None:
    (splat,) = model.run([model.prepare(photos()[0])])
    assert not isinstance(splat, Exception)
    splat.ply()
    assert splat._gaussians is None
    assert splat.count == SharpConfig.tiny_flat().gaussians


def test_a_result_that_is_not_finite_fails_alone(model: SharpModel) -> None:
    items = [model.prepare(each) for each in photos()]
    items[1] = replace(items[1], image=torch.full_like(items[1].image, float("nan")))
    results = model.run(items)
    assert isinstance(results[1], ResultNotFiniteError)
    assert not isinstance(results[0], Exception)
    assert not isinstance(results[2], Exception)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), MemoryError),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), MemoryError),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), MemoryError),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), DeviceLostError),
        (RuntimeError("shapes do not match"), RuntimeError),
    ],
)
def test_torch_errors_are_distinguished(
    model: SharpModel, monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: type[Exception]
) -> None:
    def fail(*_: Any) -> None:
        raise raised

    monkeypatch.setattr(model._network, "disparity_factor", fail)
    with pytest.raises(expected) as caught:
        model.run([model.prepare(photos()[0])])
    assert type(caught.value) is expected
    if expected is MemoryError:
        assert caught.value.__context__ is None  # else it would hold the batch's tensors


async def test_too_large_a_batch_is_halved_on_the_real_network(
    model: SharpModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model._network.disparity_factor

    def small(cameras: list[Any]) -> torch.Tensor:
        if len(cameras) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(cameras)

    monkeypatch.setattr(model._network, "disparity_factor", small)
    engine = Engine(lambda: model, max_batch=4)
    await engine.start()
    assert engine.limit == 4  # a CPU is not warmed up, so the limit is not yet known
    ran = await engine.run([model.prepare(each) for each in photos()])
    assert engine.limit == 2
    assert not any(isinstance(each, Exception) for each in ran.results)
    assert await engine.stop(within_s=30)


async def test_sharp_runs_through_the_whole_pipeline(model: SharpModel, works: Any, command: Any) -> None:
    async with works(model) as running:
        sources = [await running.photo() for _ in range(2)]
        made = await asyncio.gather(*(running.pipeline.make(job(command(source=each))) for each in sources))
    for each in made:
        assert (each.model.name, each.model.dtype, each.model.device) == ("sharp", "float32", "cpu")
        assert each.model.weights_sha256 == model.info.weights_sha256
        assert each.gaussian_count == SharpConfig.tiny_flat().gaussians


@pytest.mark.parametrize("accepted", [None, "", "yes", "research"])
def test_an_unaccepted_licence_stops_the_start(checkpoint: Path, accepted: str | None) -> None:
    with pytest.raises(ConfigurationError, match="SHARP_ACCEPT_LICENSE=research-only"):
        sharp_model.make(settings(checkpoint=str(checkpoint), accept_license=accepted))


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"checkpoint": None}, "SHARP_CHECKPOINT: name the weights"),
        ({"checkpoint": "/nowhere/sharp.pt"}, "there is no file"),
        ({"checkpoint": "http://example.org/sharp.pt"}, "is not https"),
        ({"checkpoint_sha256": "0" * 64}, "SHARP_CHECKPOINT_SHA256"),
        ({"preset": "tiny_overlap"}, "SHARP_CHECKPOINT: the checkpoint does not fit"),
    ],
)
def test_wrong_settings_are_named(checkpoint: Path, stated: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        sharp_model.make(settings(**({"checkpoint": str(checkpoint)} | stated)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_missing_device_is_named() -> None:
    with pytest.raises(ConfigurationError, match="SHARP_DEVICE: there is no cuda"):
        sharp_model._device("cuda")
    assert sharp_model._device("auto").type in {"cpu", "mps"}


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, None)])
def test_a_cpu_uses_bfloat16_only_when_set_and_supported(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: torch.dtype | None
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": native})
    cpu = torch.device("cpu")
    assert sharp_model._dtype("auto", cpu) is torch.float32
    if expected is None:
        with pytest.raises(ConfigurationError, match="SHARP_DTYPE"):
            sharp_model._dtype("bfloat16", cpu)
    else:
        assert sharp_model._dtype("bfloat16", cpu) is expected
