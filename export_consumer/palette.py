"""Palettes of 256 values, for the SOG format."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from export_consumer.gaussians import Floats

SIZE: Final = 256
_BINS: Final = 1 << 16
_ROUNDS: Final = 3
_EVERYWHERE: Final = 0.15
"""The uniform share of the density, so that the few outliers have a palette value near them."""


def palette(values: Floats) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], Floats]:
    """Return each value's index into the palette, in the shape of ``values``, and the palette (256,).

    k-means on a histogram, so that a round costs the same for a million values as for a thousand. It starts
    near the optimum, whose density is the cube root of the values' density (Panter, Dite 1951).
    """
    low, high = float(values.min()), float(values.max())
    step = (high - low) / (_BINS - 1) or 1.0
    bins = np.round((values - np.float32(low)) / np.float32(step)).astype(np.uint16)
    counts = np.bincount(bins.ravel(), minlength=_BINS).astype(np.float64)
    centres = low + step * np.arange(_BINS)
    density = np.cbrt(np.convolve(counts, np.full(SIZE, 1 / SIZE), mode="same"))
    reached = np.cumsum(density + _EVERYWHERE * density.mean())
    found = np.interp((np.arange(SIZE) + 0.5) / SIZE * reached[-1], reached, centres)
    for _ in range(_ROUNDS):
        nearest = _nearest(found, centres)
        weights = np.bincount(nearest, counts, SIZE)
        sums = np.bincount(nearest, counts * centres, SIZE)
        found = np.sort(np.divide(sums, weights, out=found, where=weights > 0))
    return _nearest(found, centres).astype(np.uint8)[bins], found.astype(np.float32)


def _nearest(found: np.ndarray[Any, Any], centres: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return for each bin the index of the nearest value of the sorted palette."""
    return np.searchsorted((found[1:] + found[:-1]) / 2, centres)
