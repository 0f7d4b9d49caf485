"""Turns pixels upright by EXIF's orientation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np

Pixels: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"
"""(height, width, 3), uint8 sRGB."""
Array: TypeAlias = "np.ndarray[Any, Any]"

TURNS: Final[Mapping[int, Callable[[Array], Array]]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored[::-1].swapaxes(0, 1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: stored[:, ::-1].swapaxes(0, 1),
}
"""EXIF orientation -> the view that is upright. Mirrored photos are turned too."""


Allocate: TypeAlias = Callable[[int, int], Pixels]
"""Returns memory for pixels of that height and width."""


def upright(stored: Pixels, orientation: int, allocate: Allocate | None = None) -> Pixels:
    """Return the upright pixels in one piece of memory, in that of ``allocate`` where it is given."""
    turned = TURNS.get(orientation, TURNS[1])(stored)
    if allocate is None:
        return np.ascontiguousarray(turned)
    result = allocate(*turned.shape[:2])
    np.copyto(result, turned)
    return result


def orientation_of(turned: Array) -> int:
    """Return the EXIF orientation that turns ``arange(4).reshape(2, 2)`` into these four numbers."""
    square = np.arange(4).reshape(2, 2)
    return next(number for number, turn in TURNS.items() if np.array_equal(turn(square), turned))
