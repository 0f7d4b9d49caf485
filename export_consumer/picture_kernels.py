"""Sums over pixels, compiled by Numba; `export_consumer.scores` is their only caller.

The same in NumPy took 110 ms of a core for one score, more than the rest of the export: it copies windows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]


@njit(cache=True, fastmath=True)
def blurred(values: Array, rows: Array, columns: Array) -> Array:
    """Return (H, W) float32 weighted by ``rows`` x ``columns`` (odd lengths), where both fit whole."""
    height, width = values.shape[0], values.shape[1] - len(columns) + 1
    across = np.zeros((height, width), np.float32)
    for i in range(height):
        for k in range(len(columns)):
            for j in range(width):
                across[i, j] += columns[k] * values[i, j + k]
    result = np.zeros((height - len(rows) + 1, width), np.float32)
    for i in range(len(result)):
        for k in range(len(rows)):
            for j in range(width):
                result[i, j] += rows[k] * across[i + k, j]
    return result


@njit(cache=True, fastmath=True)
def averaged(values: Array, height: int, width: int) -> Array:
    """Return (H, W, 3) averaged over equal areas: (height, width, 3) float32, ends by their share."""
    lines = values.reshape(len(values), -1)
    down = np.zeros((height, lines.shape[1]), np.float32)
    span = len(values) / height
    for i in range(height):
        low, high = i * span, (i + 1) * span
        for at in range(int(low), min(int(np.ceil(high)), len(values))):
            share = np.float32((min(at + 1, high) - max(at, low)) / span)
            for j in range(lines.shape[1]):
                down[i, j] += share * np.float32(lines[at, j])
    result = np.zeros((height, width, 3), np.float32)
    span = values.shape[1] / width
    for i in range(height):
        for j in range(width):
            low, high = j * span, (j + 1) * span
            for at in range(int(low), min(int(np.ceil(high)), values.shape[1])):
                share = np.float32((min(at + 1, high) - max(at, low)) / span)
                for c in range(3):
                    result[i, j, c] += share * down[i, 3 * at + c]
    return result
