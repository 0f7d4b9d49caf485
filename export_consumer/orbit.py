"""The path of a camera that sways about the scene, limited to the views that one photo supports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from export_consumer.gaussians import Floats, Gaussians

MAX_STEP: Final = 0.5
"""Metres from the photo's camera; beyond that SHARP's scenes fall apart."""
_FLAT: Final = 0.4
"""The vertical amplitude as a share of the horizontal one."""


def focus(gaussians: Gaussians) -> float:
    """Return the depth of the camera's pivot, metres: the median of the Gaussians in front of it."""
    depths = gaussians.positions[:, 2]
    before = depths[depths > 0.1]
    return float(np.median(before)) if len(before) else 1.0


def sway(distance: float, degrees: float, steps: int) -> Iterator[Floats]:
    """Yield a closed ellipse of views (3, 4), looking at a point ``distance`` m before the photo's camera."""
    reach = min(distance * np.tan(np.radians(degrees)), MAX_STEP)
    for step in range(steps):
        angle = 2 * np.pi * step / steps
        eye = np.array([reach * np.sin(angle), reach * _FLAT * (np.cos(angle) - 1), 0.0])
        yield _view_towards(eye, np.array([0.0, 0.0, distance]))


def _view_towards(eye: Floats, target: Floats) -> Floats:
    """Return the view (3, 4) from ``eye`` to the target, y as far down as possible."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(forward, right), forward])
    return np.concatenate([turn, -(turn @ eye)[:, None]], axis=1).astype(np.float32)
