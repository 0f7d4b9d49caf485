"""A margin around the photo: a sideways motion looks beyond its border, where there would be nothing.

The surfaces at the border go on; the photo mirrored and blurred gives the colours. The cells are twice as
large as the photo's: nothing there is seen sharply.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage

from inference_consumer.layered import surfaces
from inference_consumer.layered.geometry import Bools, Floats, fours
from inference_consumer.layered.surfaces import Gaussians

WIDTH: Final = 0.15
"""Of the photo's longer side: what a motion by 15 cm shows 1 m away, with a normal lens."""
COARSE: Final = 2
"""A margin's cell is so many of the photo's wide."""
_BLUR: Final = 2.0
"""Cells of the margin."""
_STEEPEST: Final = 0.7
"""The most that the continued slope may change the depth from the border's, in the logarithm."""


def gaussians(log_depth: Floats, colors: Floats, focal: float) -> Gaussians:
    """Return the margin's Gaussians; ``focal`` in cells of the front layer, as its maps are."""
    rows, columns = log_depth.shape
    width = max(1, round(WIDTH * max(rows, columns) / COARSE))
    even = np.s_[: rows - rows % COARSE, : columns - columns % COARSE]
    small = [
        fours(values).mean(-1, dtype=np.float32)
        for values in (np.exp(-log_depth[even]), *np.moveaxis(colors[even], -1, 0))
    ]
    disparity = _continued(_continued(small[0], width).T, width).T
    texture = np.stack([_mirrored(values, width) for values in small[1:]], -1)
    outside = np.ones(disparity.shape, bool)
    outside[width:-width, width:-width] = False
    return surfaces.gaussians(-np.log(disparity), texture, focal / COARSE, _grown(outside), surfaces.WIDE)


def _grown(outside: Bools) -> Bools:
    """Return the margin with one row of cells under the photo's border, so that no gap opens there."""
    grown: Bools = ndimage.binary_dilation(outside)
    return grown


def _mirrored(values: Floats, width: int) -> Floats:
    padded = np.pad(values, width, mode="symmetric")
    blurred: Floats = ndimage.gaussian_filter(padded, _BLUR, truncate=2)
    return blurred


def _continued(disparity: Floats, width: int) -> Floats:
    """Return the map with ``width`` rows more at both ends, which continue the planes that end there."""
    inner = max(1, min(2 * width, len(disparity) // 4))
    away = np.arange(1, width + 1, dtype=np.float32)[:, None]

    def beyond(edge: Floats, within: Floats) -> Floats:
        slope = ndimage.uniform_filter1d((edge - within) / inner, 2 * inner + 1)
        steep = np.exp(np.float32(_STEEPEST))
        continued: Floats = np.clip(edge + slope * away, edge / steep, edge * steep)
        return continued

    top, bottom = beyond(disparity[0], disparity[inner]), beyond(disparity[-1], disparity[-1 - inner])
    return np.concatenate([top[::-1], disparity, bottom])
