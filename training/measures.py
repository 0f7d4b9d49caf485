"""Measures of a depth map against the truth, and the baselines that need no network.

Disparity and depth maps are NumPy arrays (h, w); `valid` marks the pixels that count.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

PAIRS: Final = 4000
APART: Final = 0.1
"""Pairs of pixels count whose depths differ by more than this part."""


def ordinal(disparity: Array, depth: Array, valid: Array, seed: int = 0) -> float:
    """Return the share of random pairs that `disparity` puts in the right order; ties count half."""
    rows = np.flatnonzero(valid.ravel())
    rng = np.random.default_rng(seed)
    a, b = rng.choice(rows, PAIRS), rng.choice(rows, PAIRS)
    z, d = depth.ravel(), disparity.ravel()
    gap = np.log(z[b]) - np.log(z[a])
    order = np.sign(d[a] - d[b])
    counted = np.abs(gap) > APART
    if not counted.any():
        return float("nan")
    right = np.where(order == 0, 0.5, (order == np.sign(gap)).astype(float))
    return float(right[counted].mean())


def scale_error(log_disparity: Array, depth: Array, valid: Array) -> float:
    """Return the absolute relative error of the depth at the median scale."""
    z = depth[valid]
    guess = np.exp(-log_disparity[valid])
    guess = guess * np.median(z) / np.median(guess)
    return float((np.abs(guess - z) / z).mean())


def scale_shift_within(disparity: Array, depth: Array, valid: Array, part: float = 0.25) -> float:
    """Return the share of pixels within `part` of the true depth at the best scale and shift."""
    truth, x = 1 / depth[valid], disparity[valid]
    a, b = np.linalg.lstsq(np.stack([x, np.ones_like(x)], -1), truth, rcond=None)[0]
    z = 1 / np.maximum(a * x + b, 1e-6)
    ratio = np.maximum(z / depth[valid], depth[valid] / z)
    return float((ratio < 1 + part).mean())


def scale_invariant(log_disparity: Array, depth: Array, valid: Array) -> float:
    """Return the standard deviation of the difference of logarithms (Eigen et al. 2014)."""
    return float((log_disparity[valid] + np.log(depth[valid])).std())


def constant(depth: Array) -> Array:
    """Return the same disparity everywhere."""
    return np.ones_like(depth)


def gradient(depth: Array) -> Array:
    """Return disparities that grow towards the bottom, from 1 to 3."""
    return np.broadcast_to(np.linspace(1, 3, len(depth))[:, None], depth.shape).astype(float)


def plane(depth: Array, valid: Array) -> Array:
    """Return the disparity, linear in row and column, that fits this very truth best: an oracle."""
    v, u = np.mgrid[: depth.shape[0], : depth.shape[1]] / max(depth.shape)
    design = np.stack([u[valid], v[valid], np.ones(valid.sum())], -1)
    a, b, c = np.linalg.lstsq(design, 1 / depth[valid], rcond=None)[0]
    fitted = a * u + b * v + c
    return np.asarray(np.maximum(fitted, 0.02 * np.median(1 / depth[valid])))


def score(disparity: Array, depth: Array, valid: Array) -> dict[str, float]:
    """Return all measures of one positive disparity map."""
    log_disparity = np.log(disparity)
    return {
        "ordinal": ordinal(disparity, depth, valid),
        "absrel": scale_error(log_disparity, depth, valid),
        "within25": scale_shift_within(disparity, depth, valid),
        "silog": scale_invariant(log_disparity, depth, valid),
    }


def average(scores: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each measure, leaving out what could not be measured."""
    return {key: float(np.nanmean([s[key] for s in scores])) for key in scores[0]}
