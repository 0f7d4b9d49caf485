"""From (seed, index) to a picture and its depth: all that is random follows from these two numbers."""

from __future__ import annotations

import functools
import math
from typing import Any, Final, NamedTuple

import numpy as np

from training.worlds import close, kinds, library, photo, shading
from training.worlds.scene import Scene, turned
from training.worlds.shading import PATTERN
from training.worlds.textures import Bank
from training.worlds.tracer import FAR

Array = np.ndarray[Any, Any]
Rng = np.random.Generator

SHAPES: Final = ((192, 256), (256, 192), (160, 288))
"""Heights and widths of the pictures."""
BANK_LIFE: Final = 2048
"""Pictures that share a bank of textures."""
MAKERS: Final = {
    name: make for name, (make, _) in (*kinds.TRAINING.items(), *close.FURTHER.items())
} | kinds.HELD_OUT
"""Every kind of world."""
OLDER: Final = 1 - sum(share for _, share in close.FURTHER.values())
SHARES: Final = {name: OLDER * share for name, (_, share) in kinds.TRAINING.items()} | {
    name: share for name, (_, share) in close.FURTHER.items()
}
"""How often training sees each kind of world."""
SPREAD: Final = 0.3
LITTLE_SPREAD: Final = 0.08
"""The deviation of a view's log depth that is enough, in most worlds and in those of little relief."""
FLASH: Final = 0.07
"""Of the pictures: those that a flash beside the lens lights."""
HELD_OUT_SEED: Final = 900_000_000
"""Seeds from here on belong to the evaluation; training refuses them."""


class Picture(NamedTuple):
    """A photograph (H, W, 3) in uint8, its depth (H, W) in metres, its focal length in pixels.

    The depth of the sky is infinite.
    """

    image: Array
    depth: Array
    focal: float
    kind: str


@functools.lru_cache(maxsize=2)
def bank(seed: int, number: int) -> Bank:
    """Return one of a seed's banks of textures."""
    return Bank(
        int(np.random.SeedSequence([seed, number, 5]).generate_state(1)[0]),
        library.photographs(held_out=seed >= HELD_OUT_SEED),
    )


def _spot(
    rng: Rng, draw: Any, world: Any, shape: tuple[int, int], enough: float = 0.3
) -> tuple[Array, Array, float]:
    """Return eye, rotation and focal length of the best of a few views: no near wall, not only sky."""
    height, width = shape
    small = np.empty((24 * height // 192, 24 * width // 192))
    best: tuple[float, tuple[Array, Array, float]] | None = None
    for _ in range(8):
        view = draw(rng)
        roll = rng.normal(0, 0.03) if rng.random() < 0.9 else rng.normal(0, 0.2)
        eye, turn = np.asarray(view.eye, float), turned(view.yaw, -view.pitch, roll)
        focal = view.focal * math.hypot(height, width)
        shading.probe(world, eye, turn, focal * small.shape[0] / height, small)
        seen = small[small < FAR]
        if len(seen) < 0.2 * small.size:
            continue
        near, middle = np.quantile(seen, (0.02, 0.5))
        spread = float(np.log(seen).std())
        score = (
            min(spread, 0.5)
            - 2 * (near < 0.12)
            - (near < 0.25 * middle and near < 0.2)
            - 0.5 * (len(seen) < 0.4 * small.size)
        )
        if best is None or score > best[0]:
            best = score, (eye, turn, focal)
        if score > enough:
            break
    if best is None:
        return eye, turn, focal
    return best[1]


def trace(
    scene: Scene, eye: Array, turn: Array, focal: float, shape: tuple[int, int], world: Any = None
) -> tuple[Array, Array]:
    """Return the light (H, W, 3) and the depth (H, W), FAR for the sky, of a scene."""
    world = scene.world() if world is None else world
    lamps = np.array(scene.lamps, float).reshape(-1, shading.LAMP)
    for lamp in lamps:
        if lamp[0] < 0.5:
            lamp[1:4] /= np.linalg.norm(lamp[1:4])
    order = scene.rng.permutation(PATTERN)
    pattern = np.stack(
        [
            (np.arange(PATTERN) + 0.5) / PATTERN,
            *(scene.rng.permutation(PATTERN) / PATTERN + 1 / 32 for _ in range(5)),
        ],
        -1,
    )[order]
    depth, which = np.empty(shape), np.empty(shape, np.int64)
    normals, albedo, light, direct, shine, extra, out, even, bright = (
        np.zeros((*shape, 3)) for _ in range(9)
    )
    shading.shoot(
        world, scene.air, lamps, eye, turn, focal, pattern,
        depth, which, normals, albedo, light, direct, shine, extra,
    )  # fmt: skip
    shading.gather(depth, normals, light, 0, even)
    shading.gather(depth, normals, direct, 1, even)
    shading.gather(depth, normals, shine, 1, bright)
    shading.compose(world, scene.air, lamps, eye, turn, focal, depth, which, albedo, even, bright, extra, out)
    return out, depth


class Exposure(NamedTuple):
    """Light (H, W, 3) and depth (H, W) at the lens in float32, FAR for the sky; focal length in pixels."""

    light: Array
    depth: Array
    focal: float
    kind: str


@functools.lru_cache(maxsize=80)
def expose(seed: int, index: int, shape: tuple[int, int], kind: str | None = None) -> Exposure:
    """Build world `index` of a seed and look at it; 80 are kept, for training prints each four times."""
    rng = np.random.default_rng([seed, index])
    textures = bank(seed, index // BANK_LIFE)
    held_out = seed >= HELD_OUT_SEED
    shares = SHARES if not held_out else {name: share for name, (_, share) in kinds.TRAINING.items()}
    drawn = list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]
    kind = drawn if kind is None else kind
    scene = Scene(rng, textures, held_out=held_out)
    draw = MAKERS[kind](scene)
    further = kind in close.FURTHER
    if further or not held_out:  # the older worlds of the evaluation stay as they were
        scene.varied(np.random.default_rng([seed, index, 7]))
    world = scene.world()
    eye, turn, focal = _spot(
        rng, draw, world, shape, LITTLE_SPREAD if kind in close.LITTLE_RELIEF else SPREAD
    )
    if (further or not held_out) and rng.random() < FLASH:
        power = rng.uniform(0.5, 6)
        scene.lamps.append([1.0, *(eye + turn @ (0.05, 0.08, 0.0)), power, power, power, 0.02])
    light, depth = trace(scene, eye, turn, focal, shape, world)
    return Exposure(light.astype(np.float32), depth.astype(np.float32), focal, kind)


def render(
    seed: int, index: int, shape: tuple[int, int] | None = None, kind: str | None = None, print_: int = 0
) -> Picture:
    """Return print `print_` of picture `index` of a seed; its shape and its kind of world may be asked for.

    Prints differ in all that the camera and its software do; odd ones are mirrored.
    """
    shape = SHAPES[index % len(SHAPES)] if shape is None else shape
    light, depth, focal, kind = expose(seed, index, shape, kind)
    if print_ % 2:
        light, depth = light[:, ::-1], depth[:, ::-1]
    image = photo.develop(
        np.random.default_rng([seed, index, print_, 3]), light.astype(float), depth.astype(float)
    )
    return Picture(image, np.where(depth < 0.5 * FAR, depth, np.inf).astype(np.float32), focal, kind)
