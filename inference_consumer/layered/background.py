"""The second layer: what a sideways motion reveals behind every step in depth.

Each cell in front of a step gets a cell behind it, within the width that `MOTION_M` reveals. Its depth and
its colour continue the background at the step, never the front. Cells far from the step repeat the
background mirrored, so that its texture goes on instead of smearing.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from scipy import ndimage

from inference_consumer.layered.geometry import Bools, Floats, fours
from inference_consumer.layered.surfaces import CUT

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int32]]"

TALL: Final = 0.25
"""Steps taller than this, in the logarithm of the depth, lead to another thing, smaller ones may not."""
MOTION_M: Final = 0.5
"""The sideways motion, in metres, that the layer is wide enough for."""
LEVELS: Final = 8
"""Parts of the depth's range in which the background is looked for."""
WIDEST: Final = 0.2
"""Of the longer side: the layer's greatest width, for things right before the camera."""
RECESS: Final = 0.02
"""How much further the layer lies than the background it continues, in the logarithm: its large cells
reach beyond the front's outline, where they must not cover the background itself."""
BEHIND: Final = 0.03
"""The least distance behind the front, in the logarithm of the depth."""
DEEPEST: Final = 0.7
"""The most that the continued slope may take the background from the depth at its step, in the logarithm."""
_SMOOTH: Final = 4
"""Cells; the layer's seams are blurred over so many on each side."""
_REACH: Final = 12
"""Cells to each side, every `_STRIDE`, from which the background's slope is found."""
_STRIDE: Final = 4
_STEEP: Final = 0.01
"""Of the logarithm of the depth a cell: a surface's steepest slope, a floor's 100 cells below its horizon."""
_SURE: Final = 0.08
"""Of the surroundings: the share that must lie on the surface for half of its slope to count."""


class Layer(NamedTuple):
    """Cells behind the front: where they are (rows, columns), their log depth and colours, maps like it."""

    there: Bools
    log_depth: Floats
    colors: Floats


def hidden(
    log_depth: Floats,
    colors: Floats,
    focal: float,
    sky: Bools,
    heights: tuple[float, float] = (CUT, math.inf),
) -> Layer:
    """Return the second layer of a front layer with steps of one cell; ``focal`` in cells.

    ``heights``: of the steps that count, in the logarithm of the depth. Behind a fold of a coat is the coat,
    further behind the wall: one layer holds one of them, so each kind of step gets its own.
    """
    least, most = heights
    behind = _far_sides(log_depth, least)
    nothing = Layer(np.zeros(log_depth.shape, bool), log_depth, colors)
    if not behind.any():
        return nothing
    row, column = _nearest_behind(log_depth, behind, least)
    rows, columns = np.indices(log_depth.shape, np.int32)
    distance = np.hypot(row - rows, column - columns)
    depth_there = log_depth[row, column]
    # A motion by t moves a cell at depth z by focal * t / z: the difference is what it reveals.
    reveals = focal * MOTION_M * (np.exp(-log_depth) - np.exp(-depth_there))
    reach = np.minimum(reveals + 1, WIDEST * max(log_depth.shape))
    step = depth_there - log_depth
    there = (step > least) & (step <= most) & (distance <= reach)
    if not there.any():
        return nothing
    at = np.nonzero(there)
    source = row[at], column[at]
    offset = np.stack([at[0] - source[0], at[1] - source[1]])
    filled = np.full_like(log_depth, np.nan)
    filled[at] = _depth(log_depth, sky, source, offset, least)
    texture = np.zeros_like(colors)
    texture[at] = _texture(log_depth, colors, source, offset, distance[at])
    filled, texture = _smoothed(there, filled, texture)
    filled = np.where(there, np.maximum(filled + RECESS, log_depth + BEHIND), log_depth)
    return Layer(there, filled.astype(np.float32), texture)


def halved(layer: Layer) -> Layer:
    """Return the layer with cells twice as wide: a guess is never seen sharply, and it costs a quarter."""
    rows, columns = layer.there.shape
    pad = ((0, rows % 2), (0, columns % 2))
    there = np.pad(layer.there, pad).astype(np.float32)
    weight = fours(there).sum(-1)

    def mean(values: Floats) -> Floats:
        return np.asarray(fours(np.pad(values, pad) * there).sum(-1) / np.maximum(weight, 1))

    return Layer(
        weight > 0,
        mean(np.where(layer.there, layer.log_depth, 0)),
        np.stack([mean(layer.colors[..., k]) for k in range(3)], -1),
    )


def _far_sides(log_depth: Floats, least: float) -> Bools:
    """Return the cells that lie behind a neighbour by more than ``least``."""
    far = np.zeros(log_depth.shape, bool)
    down, right = np.diff(log_depth, axis=0), np.diff(log_depth, axis=1)
    far[1:] |= down > least
    far[:-1] |= down < -least
    far[:, 1:] |= right > least
    far[:, :-1] |= right < -least
    return far


def _nearest_behind(log_depth: Floats, behind: Bools, least: float) -> tuple[Ints, Ints]:
    """Return row and column of the nearest far side that lies behind each cell; where there is none, any.

    The cells are parted into `LEVELS` by their depth, and each part looks among the far sides behind it: a
    cell of a thing finds the wall behind it, not the edge of its own handle. It is done on every second row
    and column, where the furthest of four cells stands for them.
    """
    height, width = log_depth.shape
    pad = ((0, height % 2), (0, width % 2))
    far = fours(np.pad(np.where(behind, log_depth, -np.inf), pad, constant_values=-np.inf))
    which, furthest = far.argmax(-1), far.max(-1)
    coarse = np.pad(log_depth, pad, mode="edge")[::2, ::2]
    row, column = np.zeros((2, *coarse.shape), np.int32)
    bounds = np.quantile(furthest[np.isfinite(furthest)], np.linspace(0, 1, LEVELS + 1)[:-1])
    for number, bound in enumerate(bounds):
        # Of this part are the cells before `bound` that lie behind the one before it.
        part = coarse < bound - least
        if number:
            part &= coarse >= bounds[number - 1] - least
        if not part.any():
            continue
        _, (r, c) = ndimage.distance_transform_edt(furthest < bound, return_indices=True)
        row[part], column[part] = r[part], c[part]
    corner = which[row, column]
    row, column = 2 * row + corner // 2, 2 * column + corner % 2
    grown = (np.repeat(np.repeat(found, 2, 0), 2, 1)[:height, :width] for found in (row, column))
    return next(grown), next(grown)


def _depth(log_depth: Floats, sky: Bools, source: tuple[Ints, Ints], offset: Ints, least: float) -> Floats:
    """Return the background's depth, continued in a plane from its steps.

    A plane's disparity is linear in the picture, so the disparity is continued.
    """
    disparity = np.exp(-log_depth)
    start = disparity[source]
    slope = _slopes(log_depth, disparity, source, least)
    slope[:, sky[source]] = 0
    continued = start + (slope * offset).sum(0)
    bounds = start * np.float32(math.exp(-DEEPEST)), start * np.float32(math.exp(DEEPEST))
    return np.asarray(-np.log(np.clip(continued, *bounds)))


def _slopes(log_depth: Floats, disparity: Floats, source: tuple[Ints, Ints], least: float) -> Floats:
    """Return the change of the disparity a cell, (2, N), of the surfaces that the cells ``source`` lie on.

    A plane through each cell is fitted to those of its surroundings that lie on its surface: the front's
    cells beside the step would bend it, and so does a mean over both sides.
    """
    rows, columns = log_depth.shape
    cells, which = np.unique(source[0] * np.int64(columns) + source[1], return_inverse=True)
    row, column = np.divmod(cells, columns)
    steps = np.arange(-_REACH, _REACH + 1, _STRIDE)
    down, across = (each.ravel() for each in np.meshgrid(steps, steps, indexing="ij"))
    r, c = row[:, None] + down, column[:, None] + across
    inside = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
    at = np.clip(r, 0, rows - 1), np.clip(c, 0, columns - 1)
    further = log_depth[at] - log_depth[row, column][:, None]
    most = CUT / 2 + _STEEP * np.hypot(down, across)
    member = (inside & (further > -least / 2) & (np.abs(further) < most)).astype(np.float32)
    change = (disparity[at] - disparity[row, column][:, None]) * member
    y, x = down.astype(np.float32), across.astype(np.float32)
    # A surface of which little is seen has no sure slope: it goes on nearly level.
    some = _SURE * float((y * y).sum())
    yy, xx, xy = member @ (y * y) + some, member @ (x * x) + some, member @ (x * y)
    dy, dx = change @ y, change @ x
    slope = np.stack([dy * xx - dx * xy, dx * yy - dy * xy]) / (yy * xx - xy * xy)
    return np.asarray(slope[:, which.ravel()])


def _texture(
    log_depth: Floats, colors: Floats, source: tuple[Ints, Ints], offset: Ints, distance: Floats
) -> Floats:
    """Return the background's colours, mirrored at the step where the background is wide enough."""
    rows, columns = log_depth.shape
    start = log_depth[source]
    best = colors[source].copy()
    # From the whole way to an eighth: the first mirrored place that lies on the same surface is taken.
    open_ = np.ones(len(start), bool)
    for share in (1.0, 0.5, 0.25, 0.125):
        row = np.rint(source[0] - share * offset[0]).astype(int)
        column = np.rint(source[1] - share * offset[1]).astype(int)
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        row, column = np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)
        tolerance = CUT + 0.02 * share * distance
        good = open_ & inside & (np.abs(log_depth[row, column] - start) < tolerance)
        best[good] = colors[row[good], column[good]]
        open_ &= ~good
    return best


def _smoothed(there: Bools, log_depth: Floats, colors: Floats) -> tuple[Floats, Floats]:
    """Return the layer with the seams blurred where cells of two sources meet."""
    size = 2 * _SMOOTH + 1
    weight = np.maximum(ndimage.uniform_filter(there.astype(np.float32), size), 1e-6)
    depth = ndimage.uniform_filter(np.where(there, log_depth, 0).astype(np.float32), size) / weight
    small = np.maximum(ndimage.uniform_filter(there.astype(np.float32), 3), 1e-6)
    soft = np.stack(
        [
            ndimage.uniform_filter(np.where(there, colors[..., k], 0).astype(np.float32), 3) / small
            for k in range(3)
        ],
        -1,
    )
    # Different surfaces behind one front stay apart: only depths that nearly agree are mixed.
    agree = np.abs(np.nan_to_num(log_depth) - depth) < 2 * CUT
    mixed = np.where(agree, depth, np.nan_to_num(log_depth))
    return np.where(there, mixed, 0), np.where(there[..., None], soft, colors)
