"""Converts axes and units from the camera's (x right, y down, z forward, metres) to a format's or a user's.

Every turn is about x, so that left stays left and nothing is mirrored.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from export_consumer.gaussians import Floats, Gaussians

_HALF: Final = float(np.sqrt(0.5))


class Turn(NamedTuple):
    """A rotation in two forms: as a matrix on columns, and as a quaternion wxyz."""

    matrix: tuple[tuple[int, int, int], ...]
    quaternion: tuple[float, float, float, float]


TURNS: Final[dict[str, Turn]] = {
    "-y": Turn(((1, 0, 0), (0, 1, 0), (0, 0, 1)), (1.0, 0.0, 0.0, 0.0)),
    "y": Turn(((1, 0, 0), (0, -1, 0), (0, 0, -1)), (0.0, 1.0, 0.0, 0.0)),
    "z": Turn(((1, 0, 0), (0, 0, 1), (0, -1, 0)), (_HALF, -_HALF, 0.0, 0.0)),
}
"""Which way is up -> the turn: -y looks along +z (as stored), y along -z (glTF), z along +y (Blender)."""

UNITS: Final[dict[str, float]] = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "in": 1 / 0.0254, "ft": 1 / 0.3048}
"""Unit -> how many of it are in a metre."""


def turned(points: Floats, *, up: str, unit: str) -> Floats:
    """Return points (N, 3) in the frame with that axis up and in that unit."""
    matrix = np.array(TURNS[up].matrix, np.float32) * np.float32(UNITS[unit])
    return np.ascontiguousarray(points @ matrix.T)


def placed(gaussians: Gaussians, *, up: str, unit: str) -> Gaussians:
    """Return the Gaussians in that frame. As stored (``-y``, ``m``) they are the same arrays."""
    if (up, unit) == ("-y", "m"):
        return gaussians
    return gaussians._replace(
        positions=turned(gaussians.positions, up=up, unit=unit),
        log_scales=gaussians.log_scales + np.float32(np.log(UNITS[unit])),
        quaternions=_product(TURNS[up].quaternion, gaussians.quaternions),
    )


def _product(left: tuple[float, float, float, float], right: Floats) -> Floats:
    """Return the Hamilton products of one quaternion and many (N, 4), all wxyz."""
    w, x, y, z = left
    matrix: np.ndarray[Any, np.dtype[np.float32]] = np.array(
        [[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]], np.float32
    )
    return np.ascontiguousarray(right @ matrix.T)
