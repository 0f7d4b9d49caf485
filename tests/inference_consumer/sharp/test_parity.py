"""Every stage against the fixtures, strict tier: float32 on the CPU."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from inference_consumer.sharp import Sharp, SharpConfig, encode_ply, load_sharp
from tests.inference_consumer.sharp.fixtures import Comparison, Fixture, weights

Compare = Callable[[Sharp, Fixture], None]


@pytest.fixture
def compare(record_property: Callable[[str, object], None]) -> Compare:
    """Trace a fixture's photo and compare every stage; the differences go into the report."""

    def run(model: Sharp, fixture: Fixture) -> None:
        comparison = Comparison(fixture)
        began = time.perf_counter()
        model.trace(fixture.photo, fixture.camera.focal_px, comparison)
        share, stage = comparison.worst
        record_property("preset", fixture.meta["config"])
        record_property("photo", fixture.meta["image"]["name"])
        record_property("stages", len(comparison.seen))
        record_property("seconds", round(time.perf_counter() - began, 1))
        record_property("worst stage", stage)
        record_property("of its tolerance", f"{share:.0%}")
        comparison.check()

    return run


@pytest.mark.parity
@pytest.mark.parametrize("image", ["A1", "A2"])
def test_every_stage_without_overlap(tiny: Sharp, image: str, compare: Compare) -> None:
    compare(tiny, Fixture("tiny_flat", image))


@pytest.mark.parity
@pytest.mark.parametrize("image", ["A1", "A2"])
def test_every_stage_with_overlap(overlapping: Sharp, image: str, compare: Compare) -> None:
    compare(overlapping, Fixture("tiny_overlap", image))


def test_trace_keeps_what_visit_sees(tiny: Sharp, landscape: Fixture) -> None:
    seen: dict[str, tuple[int, ...]] = {}
    focal = landscape.camera.focal_px
    assert tiny.trace(landscape.photo, focal, lambda name, value: seen.update({name: value.shape})) == {}
    kept = tiny.trace(landscape.photo, focal)
    assert {name: value.shape for name, value in kept.items()} == seen
    assert set(kept) == landscape.stages
    # In-place operations of later stages must not change the kept values.
    assert kept["monodepth.disparity"].min() >= 0
    np.testing.assert_array_equal(kept["metric.rows"][:, :3], kept["metric.mean_vectors"][0])


def test_trace_in_chunks_equals_trace_at_once(
    landscape: Fixture, tiny_weights: dict[str, torch.Tensor]
) -> None:
    model = load_sharp(SharpConfig.tiny_flat(), tiny_weights)
    model.patch_chunk = 4  # 21 windows: five chunks of 4 and one of 1
    comparison = Comparison(landscape)
    model.trace(landscape.photo, landscape.camera.focal_px, comparison)
    comparison.check()


@pytest.mark.parametrize("image", ["A1", "A2"])
def test_file_has_the_layout_of_the_fixture(tiny: Sharp, image: str) -> None:
    fixture = Fixture("tiny_flat", image)
    (gaussians,) = tiny.predict([fixture.photo], [fixture.camera.focal_px])
    data = encode_ply(gaussians, fixture.camera, sharp_elements=True)
    header = fixture.meta["ply_header"].encode()
    assert data[: len(header)] == header
    assert len(data) == fixture.meta["ply_bytes"]


@pytest.fixture(scope="module")
def overlapping() -> Sharp:
    return load_sharp(SharpConfig.tiny_overlap(), weights(SharpConfig.tiny_overlap()))


@pytest.fixture(scope="module")
def full() -> Sharp:
    """Return the full-size model. It takes over its 2.8 GB of weights without a copy."""
    torch.set_num_threads(os.cpu_count() or 1)
    return load_sharp(SharpConfig.default(), weights(SharpConfig.default()))


@pytest.mark.parity
@pytest.mark.full
@pytest.mark.parametrize("image", ["A1", "A2"])
def test_every_stage_at_full_size(full: Sharp, image: str, compare: Compare) -> None:
    compare(full, Fixture("default", image))
