"""Builds the Gaussians of a photo from its geometry; knows no network.

The steps: the cells' grid, the depth on it fitted to the photo's edges (`edges`), the sky at a far but
finite distance, the second layer (`background`), Gaussians in the surfaces (`surfaces`).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from inference_consumer.layered import background, blending, edges, margin, surfaces
from inference_consumer.layered.geometry import Bools, Floats, Geometry, resized
from inference_consumer.layered.surfaces import Gaussians
from inference_consumer.models import Pixels

FRONT: Final = 280_000
"""Gaussians of the front layer, one a cell: 16 MB as .ply."""
ENLARGED: Final = 2.0
"""Small photos are enlarged by this at most: finer cells follow edges in depth better."""
MOST: Final = 400_000
"""Gaussians of both layers; of the second one only the nearest to the steps are kept beyond that."""
VIEW: Final = 768
"""Pixels of the long side of a usual view, for which the colours are solved."""
SKY_FURTHER: Final = 3.0
"""The sky lies so many times further than the furthest thing..."""
SKY_M: Final = (30.0, 500.0)
"""...between these distances, metres."""


class Grid(NamedTuple):
    """The cells of a photo, (rows, columns, 3), and its pixels in a usual view, (H, W, 3); in 0..1."""

    colors: Floats
    view: Floats


def grid(pixels: Pixels, most: int = FRONT) -> Grid:
    """Return the photo scaled to about ``most`` cells of its own aspect, small ones to fewer."""
    height, width = pixels.shape[:2]
    factor = min(ENLARGED, math.sqrt(most / (width * height)))
    seen = min(1.0, VIEW / max(width, height))
    return Grid(
        _scaled(pixels, max(2, int(height * factor)), max(2, round(width * factor))),
        _scaled(pixels, max(2, round(height * seen)), max(2, round(width * seen))),
    )


def _scaled(pixels: Pixels, height: int, width: int) -> Floats:
    """Return a photo of another size, in 0..1."""
    if pixels.shape[:2] != (height, width):
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    return pixels.astype(np.float32) / np.float32(255)


def build(cells: Grid, geometry: Geometry) -> Gaussians:
    """Return the scene's Gaussians: the front layer row by row, the margin, then what is hidden."""
    colors = cells.colors
    rows, columns = colors.shape[:2]
    focal = geometry.focal * math.hypot(rows, columns)
    log_depth, sky_log = _on_grid(geometry, rows, columns)
    log_depth = edges.aligned(log_depth, colors, blur=columns / geometry.depth.shape[1])
    sky = log_depth > sky_log - 0.1
    front = surfaces.gaussians(log_depth, blending.solved(colors, log_depth, cells.view), focal)
    made = [front, margin.gaussians(log_depth, colors, focal)]
    for heights in ((background.TALL, math.inf), (surfaces.CUT, background.TALL)):
        layer = background.halved(background.hidden(log_depth, colors, focal, sky, heights))
        there = _fewer(layer.there, MOST - sum(len(part.means) for part in made))
        made.append(surfaces.gaussians(layer.log_depth, layer.colors, focal / 2, there, surfaces.WIDE))
    return Gaussians(*(np.concatenate(parts) for parts in zip(*made, strict=True)))


def _on_grid(geometry: Geometry, rows: int, columns: int) -> tuple[Floats, float]:
    """Return the logarithm of the depth on the grid, smooth, and the logarithm of the sky's distance."""
    counts = geometry.known & ~geometry.sky & np.isfinite(geometry.depth) & (geometry.depth > 0)
    if not counts.any():
        sky_log = math.log(SKY_M[0])
        return np.full((rows, columns), sky_log, np.float32), sky_log
    log_depth = np.log(np.where(counts, geometry.depth, 1)).astype(np.float32)
    furthest = float(np.quantile(log_depth[counts], 0.98))
    sky_log = min(max(furthest + math.log(SKY_FURTHER), math.log(SKY_M[0])), math.log(SKY_M[1]))
    sky_log = max(sky_log, furthest)
    unknown = ~counts & ~geometry.sky
    if unknown.any():
        nearest = ndimage.distance_transform_edt(~counts, return_distances=False, return_indices=True)
        log_depth = np.where(unknown, log_depth[tuple(nearest)], log_depth)
    log_depth = np.where(geometry.sky, np.float32(sky_log), np.minimum(log_depth, sky_log))
    return resized(log_depth, rows, columns), sky_log


def _fewer(there: Bools, most: int) -> Bools:
    """Return at most ``most`` of the second layer's cells."""
    if int(there.sum()) <= most:
        return there
    # The widest parts lose their inner cells, which only the longest motions reveal.
    depth_inside = ndimage.distance_transform_edt(there)
    limit = np.partition(depth_inside[there], most)[most]
    return np.asarray(there & (depth_inside < limit))
