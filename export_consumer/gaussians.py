"""The Gaussians of a scene as arrays, as the .ply stores them. Must not know file formats."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from bus.contract.splat import SH_C0, Camera

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"


class Gaussians(NamedTuple):
    """N Gaussians, float32. OpenCV axes (x right, y down, z forward) and metres until they are turned."""

    positions: Floats  # (N, 3)
    harmonics: Floats  # (N, 3) sRGB as the constant harmonic: colour = 0.5 + SH_C0 * harmonic
    logits: Floats  # (N,) of the opacity
    log_scales: Floats  # (N, 3) natural logarithm of the standard deviations
    quaternions: Floats  # (N, 4) wxyz, unit

    @property
    def size(self) -> int:
        """The number of Gaussians."""
        return len(self.positions)

    @property
    def colors(self) -> Floats:
        """(N, 3) sRGB in [0, 1]."""
        colors: Floats = np.clip(self.harmonics * np.float32(SH_C0) + np.float32(0.5), 0, 1)
        return colors

    @property
    def opacities(self) -> Floats:
        """(N,) in (0, 1)."""
        with np.errstate(over="ignore"):  # exp(-logit) of a transparent one is infinite, its opacity is 0
            opacities: Floats = (1 / (1 + np.exp(-self.logits))).astype(np.float32, copy=False)
            return opacities

    def part(self, chosen: np.ndarray[Any, Any]) -> Gaussians:
        """Return the Gaussians that a mask or an array of indices selects."""
        return Gaussians(*(values[chosen] for values in self))


class Scene(NamedTuple):
    """The content of a splat file."""

    gaussians: Gaussians
    camera: Camera


def pruned(gaussians: Gaussians, *, most: int | None, min_opacity: float) -> Gaussians:
    """Drop those fainter than ``min_opacity``, then keep the ``most`` important; the order stays.

    Importance is opacity times the area that it covers in the photo: the product of its two larger scales
    over the squared depth. It is a rank, so it is computed in logarithms: no scale overflows.
    """
    if min_opacity > 0:
        gaussians = gaussians.part(gaussians.opacities >= min_opacity)
    if most is None or gaussians.size <= most:
        return gaussians
    area = gaussians.log_scales.sum(axis=1) - gaussians.log_scales.min(axis=1)
    depth = np.maximum(np.abs(gaussians.positions[:, 2]), 1e-3)
    importance = -np.logaddexp(0, -gaussians.logits) + area - 2 * np.log(depth)
    best = np.argpartition(importance, gaussians.size - most)[gaussians.size - most :]
    return gaussians.part(np.sort(best))
