"""Compares a scene's own view with its photo: how true the scene is from where the photo was taken.

The view is rendered `LONGEST` pixels wide or high, or as large as a smaller photo, on black. The photo is
averaged down to the same pixels by area. Both are compared as sRGB values in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from bus.contract.messages import Scores
from export_consumer import perceptual, picture_kernels
from export_consumer.errors import PhotoUnreadableError, ScoreModelError
from export_consumer.gaussians import Scene
from export_consumer.raster import render
from photo import reader
from photo.errors import PhotoError

Picture: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
"""(H, W, 3) sRGB, or (H, W), in 0..1."""

LONGEST: Final = 768
"""Pixels of the longer side: about what a viewer shows."""
MAX_PSNR: Final = 100.0
"""dB, of equal pictures, where the formula gives infinity and JSON has no word for it."""
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""
_RADIUS: Final = 5
_WINDOW: Final = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / 1.5) ** 2)
_KERNEL: Final = _WINDOW / _WINDOW.sum()
"""11 taps of a Gaussian with a standard deviation of 1.5 pixels, as in the paper."""
_C1: Final = 0.01**2
_C2: Final = 0.03**2


class Measured(NamedTuple):
    """The scores, and why some are missing: name of the score -> the reason."""

    scores: Scores
    missing: dict[str, str]


def measure(scene: Scene, data: bytes, models: Mapping[str, str]) -> Measured:
    """Return the scores of the scene's own view against the photo ``data``.

    ``models``: the ONNX files of perceptual scores by name, ``lpips`` (Zhang et al. 2018) or ``dists`` (Ding
    et al. 2020). Raises `PhotoUnreadableError` for a photo that cannot be read or is not the scene's.
    """
    original = _photo(data)
    if original.size != (scene.camera.width, scene.camera.height):
        raise PhotoUnreadableError(
            f"The photo has {original.width} x {original.height} pixels, the scene's camera"
            f" {scene.camera.width} x {scene.camera.height}."
        )
    size = min(LONGEST, max(original.size))
    camera = scene.camera.fitted(size)
    view = np.clip(render(scene.gaussians, camera).colors, 0, 1)
    truth = averaged(original, camera.width, camera.height)
    seen, missing = {}, {}
    for name, path in models.items():
        try:
            seen[name] = perceptual.score(path, view, truth)
        except ScoreModelError as error:
            missing[name] = error.message
    scores = Scores(size=size, psnr=psnr(view, truth), ssim=ssim(view, truth), **seen)
    return Measured(scores, missing)


def _photo(data: bytes) -> Image.Image:
    try:
        return Image.fromarray(reader.read(data).pixels)
    except PhotoError as error:
        raise PhotoUnreadableError(error.message) from error


def psnr(one: Picture, other: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB, over all pixels and channels, at most `MAX_PSNR`."""
    error = float(np.mean((one - other) ** 2, dtype=np.float64))
    return MAX_PSNR if error == 0 else min(MAX_PSNR, round(-10 * math.log10(error), 3))


def ssim(one: Picture, other: Picture) -> float:
    """Return the mean structural similarity of the luma (Wang et al. 2004), where the window fits whole.

    The window shrinks for pictures of fewer than 11 pixels.
    """
    a, b = (picture @ _LUMA for picture in (one, other))
    mean_a, mean_b = _blurred(a), _blurred(b)
    variance_a = _blurred(a * a) - mean_a**2
    variance_b = _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    below = (mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2)
    return round(float(np.mean(above / below)), 4)


def _blurred(values: Any) -> Any:
    rows, columns = (_window(length) for length in values.shape)
    return picture_kernels.blurred(np.ascontiguousarray(values, np.float32), rows, columns)


def _window(length: int) -> Any:
    radius = min(_RADIUS, (length - 1) // 2)
    kernel = _KERNEL[_RADIUS - radius : _RADIUS + radius + 1]
    return (kernel / kernel.sum()).astype(np.float32)


def averaged(image: Image.Image, width: int, height: int) -> Picture:
    """Return the image at a smaller or equal size; each pixel is the mean of the area that it covers."""
    result: Picture = picture_kernels.averaged(np.asarray(image), height, width)
    result /= np.float32(255)
    return result
