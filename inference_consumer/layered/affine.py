"""Turns a point map that is right up to a shift along z into depth: finds the shift and the focal length.

A camera of focal length ``f`` sees the point (x, y, z) at (u, v) = f / (z + t) * (x, y). The network knows
the points but not ``t``, and perhaps nobody knows ``f``; every pixel of the map states two such equations.
Both numbers come from the least squares of their reprojection errors, as MoGe's authors formulate it
(arXiv 2410.19115).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from inference_consumer.layered.geometry import Bools, Floats

Doubles: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
SIDE: Final = 64
"""Points a side that count. Two numbers of 4,096 points are as good as of all, and 100 times sooner found."""
FEWEST: Final = 16
"""Points without which nothing is recovered."""
FOCAL: Final = (0.3, 6.0)
"""Focal lengths in diagonals that are believed: 13 to 260 mm on film."""
_NEAREST: Final = 1e-3
"""Of the median depth: no point may come nearer to the camera by the shift."""
_STEPS: Final = 50
_ENOUGH: Final = 1e-9
"""The relative gain of a step that is the last."""


class Camera(NamedTuple):
    """``focal`` in diagonals of the picture, ``shift`` in the points' unit."""

    focal: float
    shift: float


def camera_of(points: Floats, valid: Bools, focal: float | None) -> Camera | None:
    """Return the focal length (the known one if given) and the shift of a map (h, w, 3); None if unknowable.

    ``valid`` (h, w): the points that count. Axes as in `inference_consumer.layered.geometry`.
    """
    chosen, seen = _subset(points, valid)
    if len(chosen) < FEWEST:
        return None
    unit = float(np.median(np.abs(chosen[:, 2])))
    if not unit > 0:
        return None
    fit = _Fit(chosen / unit, seen)
    solved = fit.both() if focal is None else fit.shift_alone(focal)
    if focal is None and not FOCAL[0] <= solved.focal <= FOCAL[1]:
        # A wall seen from straight ahead looks the same from afar through a long lens.
        solved = fit.shift_alone(min(max(solved.focal, FOCAL[0]), FOCAL[1]))
    return Camera(solved.focal, solved.shift * unit)


def _subset(points: Floats, valid: Bools) -> tuple[Doubles, Doubles]:
    """Return points (N, 3) of an even grid and where they are seen (N, 2), in diagonals from the middle."""
    height, width = valid.shape
    row, column = (((np.arange(min(SIDE, n)) + 0.5) * n / min(SIDE, n)).astype(int) for n in (height, width))
    grid = points[row[:, None], column].astype(np.float64)
    counts = valid[row[:, None], column] & np.isfinite(grid).all(-1)
    diagonal = np.hypot(height, width)
    u = np.broadcast_to((column + 0.5 - width / 2) / diagonal, counts.shape)
    v = np.broadcast_to(((row + 0.5 - height / 2) / diagonal)[:, None], counts.shape)
    return grid[counts], np.stack([u, v], -1)[counts]


class _Fit:
    """Least squares of ``focal * (x, y) / (z + shift) - (u, v)`` by Levenberg's and Marquardt's method."""

    def __init__(self, points: Doubles, seen: Doubles) -> None:
        self._across, self._z, self._seen = points[:, :2], points[:, 2:], seen
        self._least = _NEAREST - float(self._z.min())

    def both(self) -> Camera:
        """Return the best focal length and shift."""
        # Multiplied by the depth the equations are linear; they count far points more: only the start.
        matrix = np.stack([self._across.ravel(), -self._seen.ravel()], -1)
        (focal, shift), *_ = np.linalg.lstsq(matrix, (self._z * self._seen).ravel(), rcond=1e-6)
        return self._refined(focal, shift, free=slice(0, 2))

    def shift_alone(self, focal: float) -> Camera:
        """Return the best shift for that focal length."""
        off = focal * self._across - self._z * self._seen
        shift = (self._seen * off).sum() / max((self._seen**2).sum(), 1e-12)
        return self._refined(focal, shift, free=slice(1, 2))

    def _refined(self, focal: float, shift: float, *, free: slice) -> Camera:
        state = np.array([focal, max(shift, self._least)])
        residual, slopes = self._at(state)
        damping = 1e-3
        for _ in range(_STEPS):
            jacobian = slopes[:, free]
            normal = jacobian.T @ jacobian
            normal[np.diag_indices_from(normal)] *= 1 + damping
            step, *_ = np.linalg.lstsq(normal, -jacobian.T @ residual, rcond=1e-12)
            trial = state.copy()
            trial[free] += step
            trial[1] = max(trial[1], self._least)
            trial_residual, trial_slopes = self._at(trial)
            gain = residual @ residual - trial_residual @ trial_residual
            if gain < 0:
                damping *= 10
                continue
            done = gain <= _ENOUGH * (residual @ residual)
            state, residual, slopes, damping = trial, trial_residual, trial_slopes, damping / 10
            if done:
                break
        return Camera(float(state[0]), float(state[1]))

    def _at(self, state: Doubles) -> tuple[Doubles, Doubles]:
        """Return the residuals (2N,) and their slopes (2N, 2) along the focal length and the shift."""
        focal, shift = state
        depth = self._z + shift
        projected = self._across / depth
        residual = (focal * projected - self._seen).ravel()
        return residual, np.stack([projected.ravel(), (-focal * projected / depth).ravel()], -1)
