"""The scores of a scene against its photo, compared with scikit-image's and with exact averages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data, metrics

from bus.contract.splat import Camera
from export_consumer import scores
from export_consumer.errors import PhotoUnreadableError
from export_consumer.gaussians import Scene
from export_consumer.raster import render
from tests.export_consumer.scenes import CAMERA, scene
from tests.export_consumer.tiny_onnx import mean_difference
from tests.inference_consumer.pictures import encoded, exif_bytes

SCENE = scene(48)


def pair() -> tuple[np.ndarray, np.ndarray]:
    """Return a photograph and a noisy, darker copy."""
    one = data.astronaut()[:300, :200].astype(np.float32) / 255
    noise = np.random.default_rng(1).normal(0, 0.05, one.shape)
    return one, np.clip(one * 0.9 + noise, 0, 1).astype(np.float32)


def test_psnr_equals_scikit_images() -> None:
    one, other = pair()
    assert scores.psnr(one, other) == pytest.approx(
        metrics.peak_signal_noise_ratio(one, other, data_range=1), abs=1e-3
    )


def test_equal_pictures_have_the_best_scores() -> None:
    one, _ = pair()
    assert (scores.psnr(one, one), scores.ssim(one, one)) == (scores.MAX_PSNR, 1)


def test_ssim_equals_scikit_images() -> None:
    one, other = pair()
    expected = metrics.structural_similarity(
        *(picture @ np.array([0.299, 0.587, 0.114]) for picture in (one, other)),
        data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert scores.ssim(one, other) == pytest.approx(expected, abs=1e-4)


def test_ssim_of_pictures_smaller_than_its_window() -> None:
    one, other = pair()
    assert 0 < scores.ssim(one[:5, :16], other[:5, :16]) < 1


@pytest.mark.parametrize(("width", "height"), [(64, 48), (30, 20), (17, 31), (7, 5), (1, 1)])
def test_each_pixel_is_the_mean_of_its_area(width: int, height: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (48, 64, 3), np.uint8)
    got = scores.averaged(Image.fromarray(pixels), width, height)
    # As many copies of each pixel as make both sizes whole.
    fine = pixels.repeat(height, axis=0).repeat(width, axis=1) / 255
    expected = fine.reshape(height, 48, width, 64, 3).mean(axis=(1, 3))
    assert got.shape == (height, width, 3)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def view(size: int) -> Image.Image:
    return Image.fromarray(render(SCENE.gaussians, CAMERA.fitted(size)).pixels())


def test_a_scene_is_true_to_a_photo_that_shows_it() -> None:
    photo = view(CAMERA.width)
    found = scores.measure(SCENE, encoded(photo), {}).scores
    assert found.size == CAMERA.width  # the photo is smaller than 768
    assert (found.psnr > 50, found.ssim > 0.99) == (True, True)  # 8 bits
    assert (found.lpips, found.dists) == (None, None)
    worse = scores.measure(SCENE, encoded(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), {}).scores
    assert worse.psnr < 20
    assert worse.ssim < found.ssim


def test_a_large_photo_is_averaged_down_to_768_pixels() -> None:
    large = Camera(CAMERA.focal_px * 20, CAMERA.width * 20, CAMERA.height * 20)
    photo = view(768).resize((large.width, large.height), Image.Resampling.NEAREST)
    found = scores.measure(Scene(SCENE.gaussians, large), encoded(photo), {}).scores
    assert found.size == 768
    assert found.psnr > 25  # nearest neighbours moved the edges


def test_the_photo_is_turned_upright() -> None:
    stored = view(CAMERA.width).transpose(Image.Transpose.ROTATE_90)
    assert scores.measure(SCENE, encoded(stored, exif=exif_bytes(orientation=6)), {}).scores.psnr > 50


def test_a_photo_of_another_size_is_refused() -> None:
    with pytest.raises(PhotoUnreadableError, match="130 x 96 pixels"):
        scores.measure(SCENE, encoded(view(CAMERA.width).resize((130, 96))), {})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "score.onnx"
    path.write_bytes(mean_difference())
    return path


def test_perceptual_scores_come_from_the_operators_files(model: Path) -> None:
    photo = view(CAMERA.width)
    found = scores.measure(SCENE, encoded(photo), {"lpips": str(model)}).scores
    assert found.lpips == pytest.approx(0, abs=1 / 255)
    assert found.dists is None
    inverse = Image.fromarray(255 - np.asarray(photo))
    other = scores.measure(SCENE, encoded(inverse), {"lpips": str(model), "dists": str(model)}).scores
    expected = np.abs(np.asarray(photo) / 127.5 - 1).mean()
    assert (other.lpips, other.dists) == pytest.approx((expected, expected), abs=1 / 255)


def test_a_file_that_gives_no_score_costs_only_that_score(model: Path, tmp_path: Path) -> None:
    for name, content in [("text", b"Not a network."), ("three", mean_difference(inputs=3))]:
        path = tmp_path / name
        path.write_bytes(content)
        models = {"dists": str(path), "lpips": str(model)}
        found, missing = scores.measure(SCENE, encoded(view(CAMERA.width)), models)
        assert list(missing) == ["dists"]
        assert missing["dists"].startswith(f"{path} gives no score: ")
        assert found.dists is None
        assert found.lpips is not None
        assert found.psnr > 50
