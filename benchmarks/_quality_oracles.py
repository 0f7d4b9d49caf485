"""The flat card and the tilted plane at their best on one very pair: no single picture could say as much.

A plane's disparity D is linear in the picture: D = a (x / W - 1/2) + b (y / H - 1/2) + c. What a second
camera sees of a plane is the first picture with each row sheared, so the search moves pixels, and the best
plane alone is built and rendered, from the same cells and Gaussians as `layered`'s.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _quality_pairs import Pair
from _quality_rows import of_depth
from _quality_views import Array, psnr, resized
from scipy.optimize import minimize

from export_consumer.gaussians import Scene

SMALL, LARGE = 200, 640
"""Pixels of the long side at which the search begins and, at most, ends."""
DISTANCES = 32
"""Disparities of the flat card tried first, from half a pixel to 0.6 of the width."""
LEAST = 0.02
"""The least disparity of a plane over that in its middle, so that it ends at a finite distance."""
VERSION = 1
"""Counts the changes of the search; older results in the cache are not used."""


class Plane(NamedTuple):
    """Disparities as parts of the picture's width: change over the width, over the height, in the middle."""

    across: float
    down: float
    middle: float

    def disparity(self, rows: int, columns: int) -> Array:
        """Return the disparity (rows, columns)."""
        x, y = (np.arange(columns) + 0.5) / columns - 0.5, (np.arange(rows) + 0.5) / rows - 0.5
        plane = self.across * x + self.down * y[:, None] + self.middle
        return np.maximum(plane, LEAST * self.middle)


class _Search:
    """The PSNR of a plane's second view, by moving the pixels of the first picture."""

    def __init__(self, pair: Pair, side: int) -> None:
        height, width = pair.depth.shape
        factor = min(1.0, side / max(height, width))
        self.height, self.width = round(height * factor), round(width * factor)
        size = self.width, self.height
        self.first = resized(pair.first, *size).astype(np.float32)
        self.truth = resized(pair.second, *size)
        self.counts = resized(pair.seen.astype(np.uint8) * 255, *size) > 127
        self.offset = pair.offset_px / width  # as a part of the width, like all here
        self.x = (np.arange(self.width) + 0.5) / self.width
        self.y = ((np.arange(self.height) + 0.5) / self.height - 0.5)[:, None]
        self.rows = np.arange(self.height)[:, None]

    def quality(self, plane: Plane) -> float:
        """Return the PSNR in dB; -inf for a plane that folds over or lies behind the camera."""
        if plane.across > 0.9 or plane.middle <= 0:
            return -np.inf
        # x1 = x2 + D(x1) - offset, solved for x1.
        start = self.x - self.offset
        x = (start + plane.down * self.y + plane.middle - plane.across / 2) / (1 - plane.across)
        least = LEAST * plane.middle
        far = plane.across * (x - 0.5) + plane.down * self.y + plane.middle < least
        x = np.where(far, start + least, x) * self.width - 0.5
        left = np.clip(np.floor(x).astype(np.int32), 0, self.width - 2)
        part = np.clip(x - left, 0, 1)[..., None].astype(np.float32)
        moved = self.first[self.rows, left] * (1 - part) + self.first[self.rows, left + 1] * part
        moved[(x < -0.5) | (x > self.width - 0.5)] = 0
        return psnr(moved, self.truth, self.counts)


def best(pair: Pair, cache: Path | None = None) -> dict[str, Plane]:
    """Return the best ``card`` and the best ``plane``; kept in ``cache``."""
    path = None if cache is None else cache / f"oracle-{VERSION}-{pair.name.replace(' ', '-')}.json"
    if path is not None and path.exists():
        return {name: Plane(*values) for name, values in json.loads(path.read_text()).items()}
    small, large = _Search(pair, SMALL), _Search(pair, LARGE)
    width = pair.depth.shape[1]
    tried = [Plane(0, 0, value) for value in np.geomspace(0.5 / width, 0.6, DISTANCES)]
    flat = max(tried, key=small.quality)
    card = _refined(large, _refined(small, flat, free=1), free=1)
    starts = [card, _least_squares(pair)]
    starts += [card._replace(down=sign * part * card.middle) for sign in (1, -1) for part in (0.5, 1.5)]
    starts += [card._replace(across=sign * 0.7 * card.middle) for sign in (1, -1)]
    starts.sort(key=small.quality, reverse=True)
    ends = [_refined(small, start, free=3) for start in [_least_squares(pair), *starts[:3]]]
    # Real pictures have more false matches, and there are two of them: all four are followed to the end.
    ends = sorted(ends, key=small.quality, reverse=True)[: 4 if pair.kind == "real" else 1]
    plane = max(card, *(_refined(large, end, free=3, step=0.05) for end in ends), key=large.quality)
    found = {"card": card, "plane": plane}
    if path is not None:
        path.write_text(json.dumps(found))
    return found


def _refined(search: _Search, start: Plane, *, free: int, step: float = 0.2) -> Plane:
    """Return the best plane near another (Nelder and Mead's method); ``free``: 1 moves it, 3 tilts it too."""
    first = np.array(start[3 - free :])

    def plane(values: Array) -> Plane:
        return Plane(*start[: 3 - free], *(float(value) for value in values))

    corners = np.vstack([first, first + step * start.middle * np.eye(free)])
    options = {"initial_simplex": corners, "maxfev": 40 * free, "xatol": 2e-5, "fatol": 1e-3}
    result = minimize(
        lambda values: -search.quality(plane(values)), first, method="Nelder-Mead", options=options
    )
    return max(start, plane(result.x), key=search.quality)


def _least_squares(pair: Pair) -> Plane:
    """Return the plane that fits the true disparity best."""
    height, width = pair.depth.shape
    known = pair.known
    row, column = np.nonzero(known)
    design = np.stack([(column + 0.5) / width - 0.5, (row + 0.5) / height - 0.5, np.ones(len(row))], -1)
    truth = pair.focal_px * pair.baseline_m / pair.depth[known] / width
    across, down, middle = np.linalg.lstsq(design, truth, rcond=None)[0].tolist()
    return Plane(across, down, max(middle, 0.5 / width))


def scene(pair: Pair, plane: Plane) -> Scene:
    """Return the plane as Gaussians, by layered's own building."""
    height, width = pair.depth.shape
    depth = pair.focal_px * pair.baseline_m / (plane.disparity(height, width) * width)
    return of_depth(pair.first, depth, np.zeros(depth.shape, bool), pair.focal_px)
