"""The inner loops of the rasteriser, compiled by Numba; `export_consumer.raster` is their only caller.

EWA splatting as 3DGS has it (Kerbl et al. 2023, Zwicker et al. 2001): a Gaussian becomes an ellipse on the
screen, ellipses are blended front to back in tiles of 16 x 16 pixels.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numba import njit, prange

TILE: Final = 16
NEAR: Final = 0.01
"""Metres; nearer Gaussians are not drawn."""
BLUR: Final = 0.3
"""Square pixels added to every ellipse, as in 3DGS, so that none falls between the pixels."""
FAINT: Final = 1 / 255
OPAQUE: Final = 0.99
DONE: Final = 1e-3
"""Transmittance of a pixel below which Gaussians behind it are skipped."""
ELLIPSE: Final = 8
"""Numbers an ellipse: u, v, the inverse covariance a, b, c, opacity, reach in u and in v."""

Array = np.ndarray[Any, Any]


@njit(parallel=True, cache=True, fastmath=True)
def project(  # noqa: PLR0917  (compiled functions take no keywords)
    positions: Array,  # (N, 3)
    log_scales: Array,  # (N, 3)
    quaternions: Array,  # (N, 4) wxyz
    opacities: Array,  # (N,)
    view: Array,  # (3, 4) world to camera
    focal: float,
    width: int,
    height: int,
    ellipses: Array,  # out: (N, ELLIPSE)
    depths: Array,  # out: (N,) metres; infinite where not visible
) -> None:
    """Fill the ellipses on the screen and their depths."""
    limit_x, limit_y = 0.65 * width / focal, 0.65 * height / focal
    for i in prange(len(positions)):
        depths[i] = np.inf
        px, py, pz = positions[i, 0], positions[i, 1], positions[i, 2]
        z = view[2, 0] * px + view[2, 1] * py + view[2, 2] * pz + view[2, 3]
        if z < NEAR or opacities[i] < FAINT:
            continue
        x = (view[0, 0] * px + view[0, 1] * py + view[0, 2] * pz + view[0, 3]) / z
        y = (view[1, 0] * px + view[1, 1] * py + view[1, 2] * pz + view[1, 3]) / z
        u, v = focal * x + width / 2, focal * y + height / 2
        w, qx, qy, qz = quaternions[i, 0], quaternions[i, 1], quaternions[i, 2], quaternions[i, 3]
        # Far outside the picture the linearisation diverges, so it is clamped.
        jx, jy = min(max(x, -limit_x), limit_x), min(max(y, -limit_y), limit_y)
        a, b, c = BLUR, 0.0, BLUR
        for axis in range(3):
            if axis == 0:
                rx, ry, rz = 1 - 2 * (qy * qy + qz * qz), 2 * (qx * qy + w * qz), 2 * (qx * qz - w * qy)
            elif axis == 1:
                rx, ry, rz = 2 * (qx * qy - w * qz), 1 - 2 * (qx * qx + qz * qz), 2 * (qy * qz + w * qx)
            else:
                rx, ry, rz = 2 * (qx * qz + w * qy), 2 * (qy * qz - w * qx), 1 - 2 * (qx * qx + qy * qy)
            scale = math.exp(log_scales[i, axis]) * focal / z
            cz = view[2, 0] * rx + view[2, 1] * ry + view[2, 2] * rz
            s = scale * (view[0, 0] * rx + view[0, 1] * ry + view[0, 2] * rz - jx * cz)
            t = scale * (view[1, 0] * rx + view[1, 1] * ry + view[1, 2] * rz - jy * cz)
            a += s * s
            b += s * t
            c += t * t
        reach = 2 * math.log(opacities[i] / FAINT)
        reach_u, reach_v = math.sqrt(reach * a), math.sqrt(reach * c)
        if u + reach_u < 0 or v + reach_v < 0 or u - reach_u > width or v - reach_v > height:
            continue
        determinant = a * c - b * b
        ellipses[i, 0], ellipses[i, 1] = u, v
        ellipses[i, 2], ellipses[i, 3], ellipses[i, 4] = c / determinant, -b / determinant, a / determinant
        ellipses[i, 5], ellipses[i, 6], ellipses[i, 7] = opacities[i], reach_u, reach_v
        depths[i] = z


@njit(cache=True)
def tiles_of(ellipses: Array, order: Array, across: int, down: int) -> tuple[Array, Array]:
    """Return each tile's start in the lists (T + 1,), and the lists: Gaussians in the given order."""
    begins = np.zeros(across * down + 1, np.int64)
    for i in order:
        left, top, right, bottom = _covered(ellipses[i], across, down)
        for row in range(top, bottom):
            for column in range(left, right):
                begins[row * across + column + 1] += 1
    begins = np.cumsum(begins)
    lists, free = np.empty(begins[-1], np.int32), begins[:-1].copy()
    for i in order:
        left, top, right, bottom = _covered(ellipses[i], across, down)
        for row in range(top, bottom):
            for column in range(left, right):
                tile = row * across + column
                lists[free[tile]] = i
                free[tile] += 1
    return begins, lists


@njit(cache=True, inline="always")
def _covered(ellipse: Array, across: int, down: int) -> tuple[int, int, int, int]:
    u, v, reach_u, reach_v = ellipse[0], ellipse[1], ellipse[6], ellipse[7]
    left, right = max(0, int((u - reach_u) // TILE)), min(across, int((u + reach_u) // TILE) + 1)
    top, bottom = max(0, int((v - reach_v) // TILE)), min(down, int((v + reach_v) // TILE) + 1)
    return left, top, right, bottom


@njit(parallel=True, cache=True, fastmath=True)
def blend(  # noqa: C901, PLR0917  (one loop: a call an ellipse would cost more than the ellipse)
    ellipses: Array,
    colors: Array,  # (N, 3)
    depths: Array,
    begins: Array,
    lists: Array,
    across: int,
    picture: Array,  # out, zero: (H, W, 3)
    light: Array,  # out, one: (H, W) transmittance behind all of them
    surface: Array,  # out, zero: (H, W) the depth behind which less than half of the light comes from
) -> None:
    """Blend every tile's Gaussians front to back."""
    height, width = light.shape
    for tile in prange(len(begins) - 1):
        left, top = (tile % across) * TILE, (tile // across) * TILE
        right, bottom = min(left + TILE, width), min(top + TILE, height)
        open_pixels = (right - left) * (bottom - top)
        for index in range(begins[tile], begins[tile + 1]):
            i = lists[index]
            u, v, a, b, c, opacity = (
                ellipses[i, 0],
                ellipses[i, 1],
                ellipses[i, 2],
                ellipses[i, 3],
                ellipses[i, 4],
                ellipses[i, 5],
            )
            first_row = max(top, math.floor(v - ellipses[i, 7]))
            last_row = min(bottom, math.ceil(v + ellipses[i, 7]) + 1)
            first_column = max(left, math.floor(u - ellipses[i, 6]))
            last_column = min(right, math.ceil(u + ellipses[i, 6]) + 1)
            for row in range(first_row, last_row):
                dv = row + 0.5 - v
                for column in range(first_column, last_column):
                    through = light[row, column]
                    if through < DONE:
                        continue
                    du = column + 0.5 - u
                    alpha = opacity * math.exp(-0.5 * (a * du * du + c * dv * dv) - b * du * dv)
                    alpha = min(alpha, OPAQUE)
                    if alpha < FAINT:
                        continue
                    for channel in range(3):
                        picture[row, column, channel] += through * alpha * colors[i, channel]
                    left_over = through * (1 - alpha)
                    light[row, column] = left_over
                    if through >= 0.5 > left_over:
                        surface[row, column] = depths[i]
                    if left_over < DONE:
                        open_pixels -= 1
            if open_pixels == 0:
                break
