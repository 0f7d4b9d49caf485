"""Textures cut from photographs: whole pictures, surfaces, and their grain for a material's own colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from training.worlds.tracer import TEXTURE

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]
Rng = np.random.Generator

COUNT: Final = 16
"""Textures of each kind in a bank."""


def picture(rng: Rng, photo: Array) -> Array:
    """Return a large part of a photograph in linear light, for posters, screens and what lies far behind."""
    return _cut(rng, photo, rng.uniform(0.6, 1.0), TEXTURE)


def patch(rng: Rng, photo: Array) -> Array:
    """Return a small part in linear light, mirrored so that it tiles, of an even brightness."""
    half = _cut(rng, photo, rng.uniform(0.12, 0.4), TEXTURE // 2)
    return _mirrored(_even(half))


def grain(rng: Rng, photo: Array) -> Array:
    """Return the weights of two colours that follow the brightness of a small part; it tiles."""
    tone = _even(_cut(rng, photo, rng.uniform(0.12, 0.5), TEXTURE // 2)).mean(-1)
    order = tone.ravel().argsort().argsort().reshape(tone.shape) / tone.size
    spread = np.clip((tone - tone.mean()) / (4 * tone.std() + 1e-3) + 0.5, 0, 1)
    # The order spreads dull surfaces, the spread itself keeps what is rare rare.
    share = rng.uniform(0, 0.5)
    weight = _mirrored(share * order + (1 - share) * spread)
    return np.stack([1 - weight, weight, 0 * weight], -1)


KINDS: Final[dict[str, Callable[[Rng, Array], Array]]] = {"picture": picture, "patch": patch, "grain": grain}


def _cut(rng: Rng, photo: Array, share: float, pixels: int) -> Array:
    """Return a square part of a photograph, of a share of its shorter side, as linear light."""
    height, width = photo.shape[:2]
    side = max(16, int(min(height, width) * share))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    part = Image.fromarray(photo[top : top + side, left : left + side])
    if rng.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return (np.asarray(part.resize((pixels, pixels), Image.Resampling.BOX), float) / 255) ** 2.2


def _even(part: Array) -> Array:
    """Return a part without the slow change of its brightness: lighting is the ray caster's work."""
    small = np.asarray(
        Image.fromarray((255 * np.clip(part.mean(-1), 0, 1) ** 0.45).astype(np.uint8)).resize((4, 4))
    )
    slow = np.asarray(Image.fromarray(small).resize(part.shape[1::-1], Image.Resampling.BICUBIC), float)
    slow = (np.clip(slow, 8, 255) / 255) ** 2.2
    return np.asarray(np.clip(part / slow[..., None] * slow.mean(), 0, 1))


def _mirrored(part: Array) -> Array:
    whole = np.concatenate([part, part[::-1]])
    return np.concatenate([whole, whole[:, ::-1]], 1)
