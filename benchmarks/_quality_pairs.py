"""Pairs of pictures with known geometry between them, for `quality.py`: two real ones and rendered ones.

Nothing here is trained on or tuned by. Rendered worlds come from seeds that training refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from training.worlds import kinds, shading
from training.worlds.render import HELD_OUT_SEED, bank, trace
from training.worlds.scene import Scene, turned
from training.worlds.tracer import FAR

Array = np.ndarray[Any, Any]

SEED = HELD_OUT_SEED + 15
SHAPES = ((384, 512), (512, 384), (360, 640))
"""Heights and widths of the rendered pictures: larger than training's."""
APART_M = (0.05, 0.20)
"""Metres between the eyes of a rendered pair."""
NEAR_PART = 0.12
"""The eyes are at most this part of the nearest distance apart (not below the least of `APART_M`)."""
NEAREST_M = 0.25
"""Eyes with anything nearer than this, on 2 % of the picture, are not used."""
VERSION = 1
"""Counts the changes of the rendered pairs; older ones in the cache are not used."""
ALOE = Path("/usr/share/doc/opencv-doc/examples/data")


class Pair(NamedTuple):
    """Two pictures (H, W, 3) in uint8 of rectified cameras: the second stands ``baseline_m`` to the right.

    ``depth`` (H, W): metres of the first picture, infinite for sky and where unknown; ``sky`` (H, W).
    ``focal_px``, and by how much further right the second camera's principal point lies: ``offset_px``.
    ``seen`` (H, W): the second picture's pixels that the first one's frame holds, hidden or not.
    """

    name: str
    kind: str
    first: Array
    second: Array
    depth: Array
    sky: Array
    focal_px: float
    baseline_m: float
    offset_px: float
    seen: Array

    @property
    def known(self) -> Array:
        """Where the first picture's depth is known."""
        return np.isfinite(self.depth)


def _real(
    name: str, first: Array, second: Array, disparity: Array, focal: float, baseline: float, offset: float
) -> Pair:
    """Return a pair of a disparity map (H, W) in pixels, not finite or 0 where unknown."""
    known = np.isfinite(disparity) & (disparity > 0)
    depth = np.where(known, focal * baseline / (np.where(known, disparity, 1) + offset), np.inf)
    height, width = depth.shape
    # The first picture's right border, in the second one: further right it has nothing to show.
    border = np.array(
        [
            np.max(np.flatnonzero(row) - values[row], initial=0.0)
            for row, values in zip(known, disparity, strict=True)
        ]
    )
    columns = np.broadcast_to(np.arange(width), (height, width))
    seen = columns <= np.median(border[border > 0])
    nothing = np.zeros_like(known)
    return Pair(name, "real", first, second, depth, nothing, focal, baseline, offset, seen)


def motorcycle() -> Pair:
    """Return scikit-image's pair (Middlebury 2014, a quarter of its size), with the published calibration."""
    import skimage.data  # noqa: PLC0415  (a development tool)

    first, second, disparity = skimage.data.stereo_motorcycle()
    return _real("motorcycle", first[..., :3], second[..., :3], disparity, 994.978, 0.193001, 31.086)


def aloe(folder: Path = ALOE) -> Pair | None:
    """Return the pair of Debian's ``opencv-doc``, None if it is not installed.

    The package has pictures and disparity (aloeGT.png, 0: unknown) alone. Focal length (3,740 pixels),
    baseline (160 mm) and offset (270 pixels) are those that Middlebury published with the 2006 pictures.
    """
    if not (folder / "aloeGT.png").exists():
        return None
    first, second = (np.asarray(Image.open(folder / f"aloe{side}.jpg").convert("RGB")) for side in "LR")
    disparity = np.asarray(Image.open(folder / "aloeGT.png").convert("L")).astype(float)
    return _real("aloe", first, second, disparity, 3740.0, 0.160, 270.0)


def rendered(count: int, cache: Path) -> Iterator[Pair]:
    """Yield the first ``count`` rendered pairs; those that ``cache`` lacks are made, 2 s each, and kept."""
    cache.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        path = cache / f"pair-{VERSION}-{index:04}.npz"
        if not path.exists():
            partial = path.with_suffix(".partial.npz")
            np.savez_compressed(partial, **_stored(two_eyes(index)))
            partial.replace(path)
        with np.load(path) as file:
            yield _loaded(index, file)


def two_eyes(index: int) -> Pair:
    """Build world ``index`` and look at it with two eyes side by side."""
    names = [*kinds.HELD_OUT, *kinds.TRAINING]
    kind = names[index % len(names)]
    shape = SHAPES[index // len(names) % len(SHAPES)]
    for attempt in range(20):
        rng = np.random.default_rng([SEED, index, attempt])
        scene = Scene(rng, bank(SEED, 0))
        draw = kinds.HELD_OUT[kind](scene) if kind in kinds.HELD_OUT else kinds.TRAINING[kind][0](scene)
        world = scene.world()
        found = _spot(rng, draw, world, shape)
        if found is None:
            continue
        eye, turn, focal, apart = found
        other = eye + turn[:, 0] * apart
        (light, depth), (light2, depth2) = (
            trace(scene, at, turn, focal, shape, world) for at in (eye, other)
        )
        gain = _gain(light)
        # A point at (x, y) of the second picture lies at x + focal * apart / depth in the first one.
        column = np.arange(shape[1]) + 0.5 + focal * apart / depth2
        sky = depth >= 0.5 * FAR
        return Pair(
            name=f"rendered {index}",
            kind=kind,
            first=_developed(light, gain),
            second=_developed(light2, gain),
            depth=np.where(sky, np.inf, depth),
            sky=sky,
            focal_px=focal,
            baseline_m=apart,
            offset_px=0.0,
            seen=column < shape[1],
        )
    raise RuntimeError(f"world {index}, a {kind}, has no place for two eyes")


def _spot(
    rng: np.random.Generator, draw: Any, world: Any, shape: tuple[int, int]
) -> tuple[Array, Array, float, float] | None:
    """Return eye, rotation, focal length and the way to the other eye; None if no place serves."""
    small = np.empty((shape[0] // 8, shape[1] // 8))
    for _ in range(12):
        view = draw(rng)
        eye, turn = np.asarray(view.eye, float), turned(view.yaw, -view.pitch, rng.normal(0, 0.03))
        focal = view.focal * math.hypot(*shape)
        apart = rng.uniform(*APART_M)
        nearest = np.inf
        for at in (eye, eye + turn[:, 0] * apart):
            shading.probe(world, at, turn, focal / 8, small)
            nearest = min(nearest, float(np.quantile(small, 0.02)))
            if (small < FAR).mean() < 0.3:
                nearest = 0
        spread = np.log(small[small < FAR]).std() if nearest else 0
        if nearest >= NEAREST_M and spread > 0.1:
            return eye, turn, focal, min(apart, max(APART_M[0], NEAR_PART * nearest))
    return None


def _gain(light: Array) -> float:
    """Return the exposure of a picture: its middle is a middle grey, and a tenth at most is white."""
    tone = light.mean(-1)
    return float(min(0.16 / np.exp(np.log(tone + 1e-4).mean()), 1.3 / (np.quantile(tone, 0.9) + 1e-4)))


def _developed(light: Array, gain: float) -> Array:
    """Return the print of linear light: sharp, without noise, the same for both eyes."""
    picture = light * gain
    knee = 0.8
    over = knee + (1.05 - knee) * np.tanh((picture - knee) / (1.05 - knee))
    picture = np.clip(np.where(picture > knee, over, picture), 0, 1)
    return np.round(255 * picture ** (1 / 2.2)).astype(np.uint8)


def _stored(pair: Pair) -> dict[str, Any]:
    return {**pair._asdict(), "depth": pair.depth.astype(np.float32)}


def _loaded(index: int, file: Any) -> Pair:
    values = {key: file[key] for key in Pair._fields}
    plain = {key: value.item() for key, value in values.items() if value.ndim == 0}
    return Pair(**{**values, **plain, "name": f"rendered {index}"})
