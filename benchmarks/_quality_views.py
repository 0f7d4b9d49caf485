"""Second views of a scene, and how far they are from the truth, for `quality.py`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from _quality_pairs import Pair
from PIL import Image
from scipy import ndimage

from bus.contract.splat import Camera
from export_consumer import raster, splat
from export_consumer.gaussians import Scene

Array = np.ndarray[Any, Any]

OWN_SIDE = 768
"""Pixels of the long side at which a scene's own view is judged; smaller photos at their own size."""
HOLE_SECOND = 0.5
"""Coverage below which a pixel of a second view is a hole."""
HOLE_OWN = 0.95
"""Coverage below which a pixel of the own view is a hole."""
SCALES = (1 / 8, 8)
"""The global scale is searched between these factors..."""
SEARCH_SIDE = 256
"""...in pictures of this long side."""


class Second(NamedTuple):
    """A second view against the truth, where the first picture's frame reaches: dB, 0..1, share."""

    psnr: float
    ssim: float
    holes: float


class Views(NamedTuple):
    """A scene's second view at its own scale and at the best one, and its own view: dB, share of holes."""

    metric: Second
    scaled: Second
    scale: float
    own_psnr: float
    own_holes: float


def read(ply: bytes | bytearray | memoryview) -> Scene:
    """Return the scene of a file, by the export role's reader."""
    return splat.read(bytes(ply))


def shrunk(camera: Camera, factor: float) -> Camera:
    """Return the camera of a picture of another size."""
    return Camera(
        focal_px=camera.focal_px * factor,
        width=max(1, round(camera.width * factor)),
        height=max(1, round(camera.height * factor)),
    )


def second_view(scene: Scene, pair: Pair, *, scale: float = 1.0, factor: float = 1.0) -> raster.Picture:
    """Render what the second camera sees of a scene times ``scale``, in ``factor`` times its size.

    A scene times s, seen from a distance B, is the scene itself seen from B / s. The offset of the second
    principal point is a shear of x along z.
    """
    view = np.eye(3, 4, dtype=np.float32)
    view[0, 3] = -pair.baseline_m / scale
    view[0, 2] = pair.offset_px / scene.camera.focal_px
    return raster.render(scene.gaussians, shrunk(scene.camera, factor), view)


def resized(picture: Array, width: int, height: int) -> Array:
    """Return an 8-bit picture of another size."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def psnr(picture: Array, truth: Array, counts: Array | None = None) -> float:
    """Return 10 log10(1 / MSE) in dB of 8-bit sRGB as 0..1, over the pixels that count."""
    difference = (picture.astype(np.float32) - truth) / 255
    if counts is not None:
        difference = difference[counts]
    return float(-10 * math.log10(max(float(np.mean(difference**2)), 1e-10)))


def ssim(picture: Array, truth: Array, counts: Array | None = None) -> float:
    """Return the mean structural similarity of the luma (Rec. 601) over the pixels that count.

    Wang et al. 2004: Gaussian window of 1.5 pixels, 11 x 11, K1 = 0.01, K2 = 0.03.
    """
    a, b = (
        p.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255 for p in (picture, truth)
    )

    def mean(values: Array) -> Array:
        return ndimage.gaussian_filter(values, 1.5, radius=5)

    m, n = mean(a), mean(b)
    va, vb, vab = mean(a * a) - m * m, mean(b * b) - n * n, mean(a * b) - m * n
    c, d = 0.01**2, 0.03**2
    values = (2 * m * n + c) * (2 * vab + d) / ((m * m + n * n + c) * (va + vb + d))
    return float(values.mean() if counts is None else values[counts].mean())


def judged(seen: raster.Picture, pair: Pair) -> Second:
    """Return the measures of a second view in full size."""
    pixels = seen.pixels()
    holes = float((seen.coverage < HOLE_SECOND)[pair.seen].mean())
    return Second(psnr(pixels, pair.second, pair.seen), ssim(pixels, pair.second, pair.seen), holes)


def best_scale(scene: Scene, pair: Pair) -> float:
    """Return the factor whose second view has the highest PSNR: 13 steps, then halved 5 times around it.

    Searched in small pictures with a quarter of the Gaussians, each twice as large: five times faster.
    """
    factor = min(1.0, SEARCH_SIDE / max(pair.second.shape))
    camera = shrunk(scene.camera, factor)
    truth = resized(pair.second, camera.width, camera.height)
    counts = resized(pair.seen.astype(np.uint8) * 255, camera.width, camera.height) > 127
    few = np.random.default_rng(0).permutation(scene.gaussians.size)[: scene.gaussians.size // 4]
    chosen = scene.gaussians.part(np.sort(few))
    thin = Scene(chosen._replace(log_scales=chosen.log_scales + np.float32(math.log(2))), scene.camera)

    def quality(log_scale: float) -> float:
        seen = second_view(thin, pair, scale=math.exp(log_scale), factor=factor)
        return psnr(seen.pixels(), truth, counts)

    low, high = (math.log(bound) for bound in SCALES)
    tried = {at: quality(at) for at in np.linspace(low, high, 13).tolist()}
    step = (high - low) / 12
    for _ in range(5):
        step /= 2
        best = max(tried, key=tried.__getitem__)
        for at in (best - step, best + step):
            tried[at] = quality(at)
    return math.exp(max(tried, key=tried.__getitem__))


def own_view(scene: Scene, photo: Array) -> tuple[float, float]:
    """Return PSNR and holes of the scene seen from the photo's camera."""
    camera = shrunk(scene.camera, min(1.0, OWN_SIDE / max(photo.shape)))
    seen = raster.render(scene.gaussians, camera)
    truth = resized(photo, camera.width, camera.height)
    return psnr(seen.pixels(), truth), float((seen.coverage < HOLE_OWN).mean())


def views(scene: Scene, pair: Pair, *, search: bool = True) -> Views:
    """Return all of a scene's measures on a pair."""
    tried = {1.0: judged(second_view(scene, pair), pair)}
    if search:
        found = best_scale(scene, pair)
        for scale in (found, found * 1.01, found / 1.01):  # the search is as fine as that
            tried[scale] = judged(second_view(scene, pair, scale=scale), pair)
    best = max(tried, key=lambda scale: tried[scale].psnr)
    return Views(tried[1.0], tried[best], best, *own_view(scene, pair.first))
