"""The work of a camera and its software: defocus, lens, exposure, white balance, tone, noise, JPEG."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from PIL import Image

from training.worlds.tracer import FAR, fast

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


@fast
def _spread(picture: Array, depth: Array, focus: float, strength: float, least: float, out: Array) -> None:
    """Blur each pixel by its circle of confusion, `strength` x |1/depth - 1/focus| pixels wide.

    A nearer neighbour counts as far as its own circle reaches, others as far as this pixel's does.
    """
    height, width = depth.shape
    radius = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            radius[y, x] = min(
                6.0, math.sqrt(least**2 + (strength * abs(1 / min(depth[y, x], 1e6) - 1 / focus)) ** 2)
            )
    for y in range(height):
        for x in range(width):
            reach = math.ceil(radius[y, x])
            a, b, c, total = 0.0, 0.0, 0.0, 0.0
            for v in range(max(0, y - reach), min(height, y + reach + 1)):
                for u in range(max(0, x - reach), min(width, x + reach + 1)):
                    r = radius[y, x]
                    if depth[v, u] < depth[y, x]:
                        r = radius[v, u]
                    far = math.sqrt(float((u - x) ** 2 + (v - y) ** 2))
                    w = min(1.0, max(0.0, r + 0.5 - far)) / (r * r + 0.3)
                    total += w
                    a, b, c = a + w * picture[v, u, 0], b + w * picture[v, u, 1], c + w * picture[v, u, 2]
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = a / total, b / total, c / total


def develop(rng: Rng, light: Array, depth: Array) -> Array:
    """Return the photograph (H, W, 3), uint8, of linear light (H, W, 3) at a depth (H, W) in metres."""
    height, width = depth.shape
    picture = light
    least = float(rng.choice([0.0, 0.45, 0.7, 1.1]))
    seen = depth[depth < 0.5 * FAR]
    strength, focus = 0.0, 1.0
    if rng.random() < 0.35 and len(seen):
        focus = float(np.quantile(seen, rng.uniform(0, 0.6)))
        strength = rng.uniform(0.5, 4.0) * focus
    if strength or least:
        picture = np.empty_like(light)
        _spread(light, depth, focus, strength, least, picture)
    tone = picture.mean(-1)
    middle = np.exp(np.log(tone + 1e-4).mean())
    gain = 0.16 * 2 ** rng.normal(0, 0.6) / middle
    gain = min(gain, 1.3 * 2 ** rng.uniform(0, 1) / (np.quantile(tone, 0.9) + 1e-4))
    picture = picture * gain * np.exp(rng.normal(0, 0.09, 3))
    if rng.random() < 0.4:
        v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        picture = picture * (1 - rng.uniform(0, 0.3) * (u * u + v * v) / 2)[..., None]
    if rng.random() < 0.6:  # a shoulder instead of hard clipping
        knee = rng.uniform(0.5, 1.0)
        picture = np.where(
            picture > knee, knee + (1.05 - knee) * np.tanh((picture - knee) / (1.05 - knee)), picture
        )
    grain = rng.choice([0.0, 0.003, 0.012, 0.03])
    if grain:
        picture = picture + rng.standard_normal(picture.shape, np.float32) * (
            grain * np.sqrt(np.abs(picture) + 0.005)
        ).astype(np.float32)
    picture = np.clip(picture, 0, 1) ** (1 / (2.2 * np.exp(rng.normal(0, 0.12))))
    grey = picture.mean(-1, keepdims=True)
    if rng.random() < 0.05:
        picture = np.repeat(grey, 3, -1)
    else:
        picture = grey + (picture - grey) * np.exp(rng.normal(0.05, 0.25))
    contrast = np.exp(rng.normal(0, 0.12))
    code: Array = np.clip(255 * ((picture - 0.5) * contrast + 0.5 + rng.normal(0, 0.02)), 0, 255).astype(
        np.uint8
    )
    if rng.random() < 0.7:
        file = io.BytesIO()
        Image.fromarray(code).save(file, "JPEG", quality=int(rng.integers(35, 98)))
        code = np.array(Image.open(file).convert("RGB"))
    return code
