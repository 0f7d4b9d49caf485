"""The public interface: batches, chunks, precision, and refused arguments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_consumer.sharp import Gaussians, Sharp, SharpConfig, load_sharp, to_metric
from tests.inference_consumer.sharp.fixtures import Fixture, weights

# Half precision against float32 on the tiny network: rms error / rms of each final quantity, for one photo.
# bfloat16 keeps 8 bits, so one rounding is 0.2 % (float16: 11 bits, 0.02 %); about 30 in a row and random
# weights give the measured 4.5 %, 4.0 %, 0.08 % and 0.8 % (float16 0.7 %, 0.7 %, 0.01 %, 0.1 %). The limits
# are twice that. The few farthest points, whose disparity is near zero, dominate means and scales: the
# median depth is off by 0.3 % (0.04 %).
HALF = {
    torch.bfloat16: {"means": 0.09, "scales": 0.09, "colors": 0.002, "opacities": 0.016, "depth": 0.007},
    torch.float16: {"means": 0.015, "scales": 0.015, "colors": 0.0003, "opacities": 0.002, "depth": 0.001},
}


def close(a: Gaussians, b: Gaussians, tolerance: float = 1e-4) -> bool:
    """Return whether two results are equal up to the order in which a batch is summed."""
    pairs = [(x, y) for name, x, y in zip(a._fields, a, b, strict=True) if name != "quaternions"]
    return all((x - y).square().mean().sqrt() <= tolerance * x.square().mean().sqrt() for x, y in pairs)


def test_photos_of_different_sizes_in_one_batch(tiny: Sharp, landscape: Fixture, portrait: Fixture) -> None:
    photos = [landscape.photo, portrait.photo]
    focal = [landscape.camera.focal_px, portrait.camera.focal_px]
    together = tiny.predict(photos, focal)
    alone = [tiny.predict([p], [f])[0] for p, f in zip(photos, focal, strict=True)]
    assert [close(a, b) for a, b in zip(alone, together, strict=True)] == [True, True]
    assert not close(*alone, tolerance=0.1)


def test_shapes_and_ranges(tiny: Sharp, landscape: Fixture) -> None:
    (g,) = tiny.predict([landscape.photo], [landscape.camera.focal_px])
    count = tiny.config.gaussians
    assert [tuple(field.shape) for field in g] == [(count, 3), (count, 3), (count, 4), (count, 3), (count,)]
    assert {field.dtype for field in g} == {torch.float32}
    assert (g.means[:, 2] > 0).all()
    assert (g.scales > 0).all()
    assert ((g.opacities > 0) & (g.opacities < 1)).all()
    assert ((g.colors >= 0) & (g.colors <= 1)).all()
    # The layers are one after the other; a row of the grid runs from left to right.
    x = g.means[:, 0].view(2, tiny.config.grid, tiny.config.grid) / g.means[:, 2].view(
        2, tiny.config.grid, -1
    )
    assert (x[..., -1] > x[..., 0]).all()


def test_stages_make_the_prediction(tiny: Sharp, landscape: Fixture) -> None:
    image = tiny.preprocess(landscape.photo)
    assert image.shape == (3, tiny.config.resolution, tiny.config.resolution)
    ndc = tiny(image[None], tiny.disparity_factor([landscape.camera]))
    staged = to_metric(ndc.photo(0), landscape.camera)
    (whole,) = tiny.predict([landscape.photo], [landscape.camera.focal_px])
    assert all(torch.equal(a, b) for a, b in zip(staged, whole, strict=True))


@pytest.mark.parametrize("chunk", [1, 5, 21, 100])
def test_chunks_of_windows_change_nothing(
    tiny: Sharp, tiny_weights: dict[str, torch.Tensor], landscape: Fixture, portrait: Fixture, chunk: int
) -> None:
    model = load_sharp(SharpConfig.tiny_flat(), tiny_weights)
    model.patch_chunk = chunk
    photos = [landscape.photo, portrait.photo]
    focal = [landscape.camera.focal_px, portrait.camera.focal_px]
    for a, b in zip(model.predict(photos, focal), tiny.predict(photos, focal), strict=True):
        assert close(a, b)


# A CPU has no native float16 convolutions: a quarter of the pixels keeps this to seconds.
@pytest.mark.parametrize(("dtype", "window"), [(torch.bfloat16, 64), (torch.float16, 32)])
def test_half_precision(landscape: Fixture, dtype: torch.dtype, window: int) -> None:
    config = replace(SharpConfig.tiny_flat(), window=window)
    filled = weights(config)
    model = load_sharp(config, filled, dtype=dtype)
    assert model.dtype == dtype
    focal = landscape.camera.focal_px
    (got,) = model.predict([landscape.photo], [focal])
    (want,) = load_sharp(config, filled).predict([landscape.photo], [focal])
    errors = {
        name: ((a - b).square().mean().sqrt() / b.square().mean().sqrt()).item()
        for name, a, b in zip(Gaussians._fields, got, want, strict=True)
        if name != "quaternions"
    }
    errors["depth"] = (got.means[:, 2] / want.means[:, 2]).log().abs().median().item()
    assert all(errors[name] <= limit for name, limit in HALF[dtype].items()), errors
    assert {field.dtype for field in got} == {torch.float32}


def test_no_photos(tiny: Sharp) -> None:
    assert tiny.predict([], []) == []


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_invalid_photos_are_refused(tiny: Sharp, photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a photo is uint8"):
        tiny.predict([photo], [500.0])


@pytest.mark.parametrize("focal", [0.0, -1.0, float("nan"), float("inf")])
def test_invalid_focal_lengths_are_refused(tiny: Sharp, focal: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        tiny.predict([np.zeros((8, 8, 3), np.uint8)], [focal])


def test_lists_of_different_lengths_are_refused(tiny: Sharp) -> None:
    with pytest.raises(ValueError, match="1 photos but 2 focal lengths"):
        tiny.predict([np.zeros((8, 8, 3), np.uint8)], [500.0, 500.0])


def test_smallest_photo_and_read_only_memory(tiny: Sharp) -> None:
    photo = np.frombuffer(bytes([10, 20, 30]), np.uint8).reshape(1, 1, 3)
    (gaussians,) = tiny.predict([photo], [1.0])
    assert all(torch.isfinite(field).all() for field in gaussians)


def test_resize_keeps_the_corners(tiny: Sharp) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    image = tiny.preprocess(photo).numpy()
    corners = photo[[0, 0, -1, -1], [0, -1, 0, -1]] / 255
    np.testing.assert_allclose(image[:, [0, 0, -1, -1], [0, -1, 0, -1]].T, corners, atol=1e-6)
