"""Turns a depth map into Gaussians that lie in its surface: one a cell, as wide as the cell, flat."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from inference_consumer.layered.geometry import Bools, Floats

WIDTH: Final = 0.5
"""Standard deviation in cells. Wider ones blur the photo; at 0.45 holes open where a cell is 1.5 pixels."""
WIDE: Final = 0.62
"""The same for layers of large cells, whose corners would show holes."""
OPACITY: Final = 0.99
"""Opaque: rasterisers clamp at this value anyway."""
FLATNESS: Final = 0.1
"""Thickness over width."""
CUT: Final = 0.06
"""Neighbours whose logarithms of depth differ by more belong to different surfaces."""
STRETCH: Final = 6.0
"""A Gaussian on a grazing surface is about that many times longer than wide, at most."""


class Gaussians(NamedTuple):
    """N Gaussians: metres in OpenCV's axes, sRGB in 0..1, standard deviations, rotations as wxyz."""

    means: Floats  # (N, 3)
    colors: Floats  # (N, 3)
    scales: Floats  # (N, 3)
    quaternions: Floats  # (N, 4)


def rays(rows: int, columns: int, focal: float) -> tuple[Floats, Floats]:
    """Return x / z (columns,) and y / z (rows,) of the cells' middles; ``focal`` in cells."""
    x = (np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) / np.float32(focal)
    y = (np.arange(rows, dtype=np.float32) + 0.5 - rows / 2) / np.float32(focal)
    return x, y


def gaussians(
    log_depth: Floats,
    colors: Floats,
    focal: float,
    where: Bools | None = None,
    width: float = WIDTH,
) -> Gaussians:
    """Return the Gaussians of the cells ``where``, all of them by default.

    ``log_depth`` (rows, columns): natural logarithm of metres along z; ``colors`` (rows, columns, 3);
    ``focal``: in cells; ``width``: standard deviation in cells. Only neighbours in ``where`` decide on a
    cell's orientation.
    """
    rows, columns = log_depth.shape
    chosen = np.ones((rows, columns), bool) if where is None else where
    x, y = rays(rows, columns, focal)
    z = np.exp(log_depth)
    # Steeper ones would have to be so long that they are cut; flatter, they still fill their cell.
    steepest = np.float32(STRETCH / focal)
    slope_x, slope_y = (
        np.clip(_slope(log_depth, chosen, axis)[chosen], -steepest, steepest) for axis in (1, 0)
    )
    column, row = np.broadcast_to(x, z.shape)[chosen], np.broadcast_to(y[:, None], z.shape)[chosen]
    z = z[chosen]
    one = np.ones_like(z)
    # A point is z * (x, y, 1): one cell along a row moves it by z * ((1/f, 0, 0) + slope * (x, y, 1)).
    ray = np.stack([column, row, one], -1)
    across = z[:, None] * slope_x[:, None] * ray
    down = z[:, None] * slope_y[:, None] * ray
    across[:, 0] += z / focal
    down[:, 1] += z / focal
    scales, quaternions = _ellipses(across, down, np.asarray(z / np.float32(focal), np.float32))
    return Gaussians(z[:, None] * ray, colors[chosen], np.float32(width) * scales, quaternions)


def _slope(log_depth: Floats, chosen: Bools, axis: int) -> Floats:
    """Return the change of the logarithm a cell: the smaller of both sides' that belong to the surface."""
    change = np.diff(log_depth, axis=axis)
    first, last = ([slice(None)] * 2 for _ in range(2))
    first[axis], last[axis] = slice(None, -1), slice(1, None)
    cut = (np.abs(change) > CUT) | ~(chosen[tuple(first)] & chosen[tuple(last)])
    far = np.where(cut, np.inf, change)
    edge = [(0, 0), (0, 0)]
    edge[axis] = (1, 0)
    before = np.pad(far, edge, constant_values=np.inf)
    edge[axis] = (0, 1)
    after = np.pad(far, edge, constant_values=np.inf)
    both = np.isfinite(before) & np.isfinite(after)
    with np.errstate(invalid="ignore"):
        mean = (before + after) / 2
    one = np.where(np.isfinite(before), before, np.where(np.isfinite(after), after, 0))
    return np.asarray(np.where(both, mean, one), np.float32)


def _ellipses(across: Floats, down: Floats, cell: Floats) -> tuple[Floats, Floats]:
    """Return the half axes (N, 3) and rotations (N, 4) of cells spanned by two vectors (N, 3)."""
    normal = _unit(np.cross(across, down))
    first = _unit(across)
    second = np.cross(normal, first)
    # The covariance in the plane is a a' + b b'; its axes in closed form.
    a = np.einsum("ij,ij->i", across, first)
    b, c = np.einsum("ij,ij->i", down, first), np.einsum("ij,ij->i", down, second)
    xx, xy, yy = a * a + b * b, b * c, c * c
    half, middle = np.hypot((xx - yy) / 2, xy), (xx + yy) / 2
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    major, minor = cosine * first + sine * second, cosine * second - sine * first
    longest = np.sqrt(middle + half)
    shortest = np.sqrt(np.maximum(middle - half, (0.2 * cell) ** 2))
    scales = np.stack([longest, shortest, FLATNESS * shortest], -1)
    return scales.astype(np.float32), _quaternions(np.stack([major, minor, normal], -1))


def _unit(vectors: Floats) -> Floats:
    result: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return result


def _quaternions(turns: Floats) -> Floats:
    """Return unit quaternions wxyz (N, 4) of rotation matrices (N, 3, 3).

    Of the four numbers the largest comes from the diagonal and is far from 0; the others follow from it
    (Shepperd 1978).
    """
    m00, m11, m22 = turns[:, 0, 0], turns[:, 1, 1], turns[:, 2, 2]
    squares = np.stack(
        [1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], -1
    )
    x, y, z = (turns[:, i, j] - turns[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    xy, xz, yz = (turns[:, i, j] + turns[:, j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    table = np.stack(
        [
            np.stack([squares[:, 0], x, y, z], -1),
            np.stack([x, squares[:, 1], xy, xz], -1),
            np.stack([y, xy, squares[:, 2], yz], -1),
            np.stack([z, xz, yz, squares[:, 3]], -1),
        ],
        1,
    )
    return _unit(table[np.arange(len(turns)), squares.argmax(-1)]).astype(np.float32)
