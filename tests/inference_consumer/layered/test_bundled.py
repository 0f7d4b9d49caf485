"""The weights in the repository give the recorded answer, and every photo gets its own."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import skimage.data
from PIL import Image

from bus.contract.models import MODELS
from inference_consumer.layered.bundled import FOCAL, RELIEF, STRIDE, TOO_SURE, UNSEEN, WEIGHTS, Bundled
from inference_consumer.layered.geometry import Picture

# Metres at every 32nd cell of the cup of coffee: the cup in the middle, the table around it.
DEPTH = [
    [2.588, 1.363, 0.577, 1.955, 1.699],
    [0.994, 0.690, 0.495, 0.560, 1.118],
    [0.846, 0.605, 0.543, 0.583, 0.819],
    [0.699, 0.607, 0.553, 0.606, 0.680],
]
FOCAL_FOUND = 0.9421
STATED = 0.4747
"""The spread that the network itself states."""


@pytest.fixture(scope="module")
def network() -> Bundled:
    return Bundled(threads=1)


def picture(network: Bundled, pixels: np.ndarray, focal: float | None = None) -> Picture:
    size = network.size_for(pixels.shape[1], pixels.shape[0])
    scaled = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    return Picture(pixels=np.asarray(scaled), focal=focal)


def test_a_fixed_photo_gives_the_recorded_depth(network):
    (seen,) = network.run([picture(network, skimage.data.coffee())])
    np.testing.assert_allclose(seen.depth[8::32, 8::32], DEPTH, rtol=0.02)
    assert not seen.sky.any()
    assert seen.focal == pytest.approx(FOCAL_FOUND, rel=0.01)
    assert seen.scale_spread == pytest.approx(np.hypot(TOO_SURE * STATED, UNSEEN), rel=0.02)


def test_the_weights_are_small_and_named_by_their_hash(network):
    content = WEIGHTS.read_bytes()
    assert len(content) < 15e6
    assert len(content) == pytest.approx(MODELS["layered/bundled"].weights_bytes, rel=0.01)
    assert network.info.weights_sha256 == hashlib.sha256(content).hexdigest()


def test_sky_is_seen_above_and_not_below(network):
    (seen,) = network.run([picture(network, skimage.data.rocket())])
    rows = len(seen.sky)
    assert seen.sky[: rows // 2].mean() > 0.3  # a night sky, which is the hardest
    assert seen.sky[-rows // 8 :].mean() < 0.1
    np.testing.assert_array_equal(seen.known, ~seen.sky)


def test_a_batch_of_different_sizes_gives_each_photo_its_own_answer(network):
    photos = [skimage.data.coffee(), skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee()]
    pictures = [picture(network, pixels) for pixels in photos]
    together = network.run(pictures)
    for one, seen in zip(pictures, together, strict=True):
        (alone,) = network.run([one])
        np.testing.assert_allclose(seen.depth, alone.depth, rtol=1e-3)
        assert seen.depth.shape == (one.pixels.shape[0] // 2, one.pixels.shape[1] // 2)


def test_the_depth_grows_with_a_known_focal_length(network):
    one, two = (network.run([picture(network, skimage.data.coffee(), focal)])[0] for focal in (0.4, 0.8))
    assert (one.focal, two.focal) == (0.4, 0.8)
    np.testing.assert_allclose(two.depth, 2 * one.depth, rtol=1e-4)


def test_a_longer_lens_than_the_guessed_one_has_less_relief(network):
    one, two = (
        network.run([picture(network, skimage.data.coffee(), k * FOCAL_FOUND)])[0] for k in (1.0, 4.0)
    )
    assert np.median(two.depth) == pytest.approx(4 * np.median(one.depth), rel=1e-3)
    relief = [np.log(seen.depth / np.median(seen.depth)) for seen in (one, two)]
    np.testing.assert_allclose(relief[1], relief[0] * 4**-RELIEF, atol=0.02)


@pytest.mark.parametrize("shape", [(64, 64), (64, 3000), (4000, 100)])
def test_extreme_shapes_and_flat_pictures_give_a_bounded_answer(network, shape):
    width, height = network.size_for(shape[1], shape[0])
    assert width % STRIDE == height % STRIDE == 0
    (seen,) = network.run([picture(network, np.full((*shape, 3), 127, np.uint8))])
    assert np.isfinite(seen.depth).all()
    assert (seen.depth > 0).all()
    assert FOCAL[0] <= seen.focal <= FOCAL[1]
