"""Fits a blurred depth map to the photo's edges: at a step in depth every cell joins one of the two sides.

A network's map is coarser than the grid of Gaussians and smooth across steps. Cells in between would float in
the air between front and back, the "rubber sheet" of naive meshes. Here each takes the depth of the side
whose colour it has.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import ndimage

from inference_consumer.layered.geometry import Bools, Floats

STEP: Final = 0.08
"""The least step of the logarithm of the depth that counts as an edge: 8 %."""
CERTAINTY: Final = 1.5
"""How much the network's own side counts against the colour; colours of one surface differ, too."""
SMEAR: Final = 3.0
"""A step is smeared over so many of the map's own pixels to each side."""
MEMBER: Final = 0.15
"""Cells within this part of a step's height from its near or far end belong to that side for certain..."""
MEMBER_LOG: Final = 0.08
"""...and within this in the logarithm of the depth, for steps to the sky."""
_LEAST: Final = 1e-4
"""The least disparity, one over metres."""
_DIM: Final = 0.02
"""The standard deviation of colour, of 1, below which two surfaces are not distinguished."""


def steps(log_depth: Floats, radius: int) -> Floats:
    """Return the height of the step at each cell that its surroundings do not explain by their slope.

    A step is what the map changes over ``2 * radius`` cells, beyond what the slopes on both sides continue;
    in the logarithm of the depth. Slopes are those of the disparity, for a plane's is linear in the picture:
    ground that runs to the horizon has no steps.
    """
    disparity = np.exp(-log_depth)
    height = np.zeros_like(log_depth)
    for axis in (0, 1):
        outer_low, low, high, outer_high = (
            _shifted(disparity, distance, axis) for distance in (-2 * radius, -radius, radius, 2 * radius)
        )
        before, over, after = low - outer_low, high - low, outer_high - high
        # A slope at least as steep on one side explains the change, so the larger one counts twice.
        explained = np.maximum(np.abs(before), np.abs(after)) * 2
        excess = np.maximum(np.abs(over) - explained, 0)
        furthest = np.maximum(np.minimum(low, high), _LEAST)
        np.maximum(height, np.log1p(excess / furthest), out=height)
    return height


def aligned(log_depth: Floats, colors: Floats, blur: float) -> Floats:
    """Return the logarithm of the depth (rows, columns) with steps of one cell, where ``colors`` change.

    ``colors`` (rows, columns, 3) in 0..1. ``blur``: cells over which the map's steps are smeared.
    """
    radius = max(1, math.ceil(SMEAR * blur))
    width = 2 * radius + 1
    near = ndimage.minimum_filter(log_depth, width)
    far = ndimage.maximum_filter(log_depth, width)
    sided = far - near > STEP
    band = _cleared(steps(log_depth, radius) > STEP, radius) & sided
    if not band.any():
        return log_depth
    member = np.minimum(MEMBER * (far - near), MEMBER_LOG)
    share = (log_depth - near) / np.maximum(far - near, 1e-6)  # 0: near, 1: far
    box = 4 * radius + 1
    front = _Side.of(sided & (log_depth - near < member), log_depth, colors, box)
    back = _Side.of(sided & (far - log_depth < member), log_depth, colors, box)
    unlike_front, unlike_back = front.unlike(colors), back.unlike(colors)
    score = unlike_back - unlike_front + CERTAINTY * (1 - 2 * share)
    score = np.where(front.there & back.there, score, 1 - 2 * share)
    # Single cells follow their surroundings.
    joins_front = ndimage.uniform_filter(np.where(band, np.clip(score, -4, 4), 4 * (1 - 2 * share)), 3) > 0
    sharp = np.where(
        joins_front,
        np.where(front.there, np.minimum(front.log_depth, log_depth), near),
        np.where(back.there, np.maximum(back.log_depth, log_depth), far),
    )
    result: Floats = np.where(band, sharp, log_depth).astype(np.float32)
    return result


class _Side:
    """Local means of one side of the steps: depth and colour, from the cells that clearly belong to it."""

    def __init__(self, there: Bools, log_depth: Floats, color: Floats, variance: Floats) -> None:
        self.there, self.log_depth, self.color, self.variance = there, log_depth, color, variance

    @classmethod
    def of(cls, members: Bools, log_depth: Floats, colors: Floats, box: int) -> _Side:
        weight = ndimage.uniform_filter(members.astype(np.float32), box)
        there = weight > 0.5 / box**2
        per = 1 / np.maximum(weight, 0.5 / box**2)

        def mean(values: Floats) -> Floats:
            smooth: Floats = ndimage.uniform_filter(np.where(members, values, np.float32(0)), box) * per
            return smooth

        channels = [mean(colors[..., k]) for k in range(3)]
        variance = sum(mean(colors[..., k] ** 2) - channels[k] ** 2 for k in range(3))
        return cls(there, mean(log_depth), np.stack(channels, -1), np.maximum(variance, 0))

    def unlike(self, colors: Floats) -> Floats:
        """Return the squared distance of each cell's colour to this side's, in its variances."""
        return np.asarray(((colors - self.color) ** 2).sum(-1) / (self.variance + _DIM**2) / 2)


def _cleared(mask: Bools, radius: int) -> Bools:
    """Return the mask widened to the whole of the smeared steps."""
    widened: Bools = ndimage.maximum_filter(mask, radius + 1)
    return widened


def _shifted(values: Floats, distance: int, axis: int) -> Floats:
    """Return ``values[x + distance]`` along an axis; beyond the border its slope goes on."""
    count = values.shape[axis]
    index = np.arange(count) + distance
    inside = np.clip(index, 0, count - 1)
    mirrored = np.clip(2 * inside - index, 0, count - 1)
    at_border = np.take(values, inside, axis)
    return np.asarray(2 * at_border - np.take(values, mirrored, axis))
