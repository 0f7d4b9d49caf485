"""Colours that look like the photo once neighbouring Gaussians have covered each other.

A renderer draws the nearer of two overlapping Gaussians over the further one. On a slanted surface each one
loses its side towards the camera, so the picture shifts and blurs by up to half a cell. What a pixel shows is
a mixture of the nine cells around it, whose weights follow from the depths and from where the pixel lies
between the cells. Here the colours are solved whose mixture is nearest to the photo.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any, Final

import numpy as np
from scipy import sparse

from inference_consumer.layered.geometry import Floats
from inference_consumer.layered.surfaces import OPACITY, WIDTH

BLUR: Final = 0.3**0.5
"""Standard deviation of the blur that renderers add, pixels: 0.3 on the covariance (Kerbl et al. 2023)."""
ROUNDS: Final = 5
TRUST: Final = 0.03
"""How much a cell's own colour counts beside the pixels that show it: other views show other mixtures."""
_OFFSETS: Final = tuple(product((-1, 0, 1), repeat=2))


def solved(colors: Floats, log_depth: Floats, view: Floats, rounds: int = ROUNDS) -> Floats:
    """Return colours (rows, columns, 3) in 0..1 whose mixture is nearest to ``view``.

    ``colors``: the photo in cells, (rows, columns, 3). ``view``: the photo in the pixels of a usual view,
    (H, W, 3). Conjugate gradients on the normal equations (Hestenes and Stiefel 1952), begun at ``colors``.
    """
    mix = mixture(log_depth, view.shape[0], view.shape[1])
    back = mix.T.tocsr()
    first = colors.reshape(-1, 3)
    change = np.zeros_like(first)
    residual = view.reshape(-1, 3) - mix @ first
    gradient = back @ residual
    step, size = gradient, float((gradient**2).sum())
    for _ in range(rounds):
        if size < 1e-9 * len(first):
            break
        shown = mix @ step
        length = size / (float((shown**2).sum()) + TRUST * float((step**2).sum()))
        change += np.float32(length) * step
        residual -= np.float32(length) * shown
        gradient = back @ residual - np.float32(TRUST) * change
        size, before = float((gradient**2).sum()), size
        step = gradient + np.float32(size / before) * step
    made: Floats = np.clip(first + change, 0, 1).reshape(colors.shape)
    return made


def mixture(log_depth: Floats, height: int, width: int) -> Any:
    """Return the weights with which pixels show cells: a sparse matrix (height x width, rows x columns)."""
    rows, columns = log_depth.shape
    row, down = _nearest(rows, height)
    column, right = _nearest(columns, width)
    # In cells; a view has as many pixels a cell in both directions.
    spread = math.hypot(WIDTH, BLUR * columns / width)
    cells = np.empty((height, width, len(_OFFSETS)), np.int32)
    alphas, depths = [], []
    for k, (dy, dx) in enumerate(_OFFSETS):
        top, left = np.clip(row + dy, 0, rows - 1), np.clip(column + dx, 0, columns - 1)
        cells[..., k] = top[:, None] * columns + left
        alphas.append(OPACITY * _bell(down - dy, spread)[:, None] * _bell(right - dx, spread))
        depths.append(log_depth.ravel()[cells[..., k]])
    weights = np.stack(alphas, -1)
    for j in range(len(_OFFSETS)):
        for k in range(j):
            # Of two cells the nearer covers the further, of equal ones the first, as renderers with a stable
            # sort draw them; at the border a cell may be there twice.
            covered = depths[k] <= depths[j]
            weights[..., j] *= np.where(covered, 1 - alphas[k], np.float32(1))
            weights[..., k] *= np.where(covered, np.float32(1), 1 - alphas[j])
    weights /= weights.sum(-1, keepdims=True)
    starts = np.arange(0, cells.size + 1, len(_OFFSETS), dtype=np.int32)
    return sparse.csr_matrix((weights.ravel(), cells.ravel(), starts), shape=(height * width, rows * columns))


def _nearest(cells: int, pixels: int) -> tuple[Any, Floats]:
    """Return for each pixel along one axis the nearest cell and how far the pixel lies past its middle."""
    middle = (np.arange(pixels, dtype=np.float32) + 0.5) * np.float32(cells / pixels) - np.float32(0.5)
    nearest = np.rint(middle).astype(np.int32)
    return nearest, middle - nearest


def _bell(distance: Floats, spread: float) -> Floats:
    bell: Floats = np.exp(distance**2 / np.float32(-2 * spread**2))
    return bell
