"""Colours that look like the photo once neighbouring Gaussians have covered each other.

A renderer draws the nearer of two overlapping Gaussians over the further one. On a slanted surface each one
loses its side towards the camera, so the picture shifts and blurs by up to half a cell. What a cell shows is
a mixture of its own and its eight neighbours' colours, whose weights follow from the depths alone; here the
mixture is solved for the colours.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Final

import numpy as np

from inference_consumer.layered.geometry import Floats
from inference_consumer.layered.surfaces import OPACITY

SPREAD: Final = 0.65
"""Standard deviation on the screen, cells: the Gaussian's own and the renderer's blur of 0.55 pixels
together, for a cell of 1.3 to 2 pixels."""
ROUNDS: Final = 4
_OFFSETS: Final = tuple(product((-1, 0, 1), repeat=2))


def solved(colors: Floats, log_depth: Floats, rounds: int = ROUNDS) -> Floats:
    """Return colours (rows, columns, 3) in 0..1 whose mixture is nearest to ``colors`` (Van Cittert 1931)."""
    weights = mixture(log_depth)
    made = colors
    for _ in range(rounds):
        made = np.clip(made + (colors - mixed(made, weights)), 0, 1)
    return made


def mixture(log_depth: Floats) -> Floats:
    """Return the weights (9, rows, columns) with which a cell shows its neighbours, row by row from above."""
    alphas = [OPACITY * math.exp(-(dy * dy + dx * dx) / (2 * SPREAD**2)) for dy, dx in _OFFSETS]
    depths = _neighbours(log_depth)
    weights = np.empty((len(_OFFSETS), *log_depth.shape), np.float32)
    for j, alpha in enumerate(alphas):
        through = np.full(log_depth.shape, alpha, np.float32)
        for k, other in enumerate(alphas):
            if k != j:
                through *= np.where(depths[k] < depths[j], np.float32(1 - other), np.float32(1))
        weights[j] = through
    weights /= weights.sum(0)
    return weights


def mixed(colors: Floats, weights: Floats) -> Floats:
    """Return what the cells show of ``colors``."""
    shown = np.zeros_like(colors)
    for weight, neighbour in zip(weights, _neighbours(colors), strict=True):
        shown += weight[..., None] * neighbour
    return shown


def _neighbours(values: Floats) -> list[Floats]:
    """Return the map moved to each of the nine offsets, the border repeated."""
    rows, columns = values.shape[:2]
    pad = [(1, 1), (1, 1)] + [(0, 0)] * (values.ndim - 2)
    wide = np.pad(values, pad, mode="edge")
    return [wide[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns] for dy, dx in _OFFSETS]
