"""Things as triangle meshes and photographs, made ready by `python -m training.library`; optional.

Without the files worlds are built from primitives and drawn textures alone. A quarter of the things and of
the photographs is kept for the evaluation.
"""

from __future__ import annotations

import functools
import os
import zlib
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Rng = np.random.Generator

FOLDER: Final = Path(os.environ.get("TRAINING_LIBRARY", Path.home() / ".cache/sharpstream/training"))
"""Where the library lies; `TRAINING_LIBRARY` names another folder."""
MESHES: Final = "meshes.npz"
PHOTOGRAPHS: Final = "photographs.npz"
SMOOTH: Final = 0.94
"""The length of the mean of a corner's normals above which its faces, within 20 degrees, are one surface."""


class Mesh(NamedTuple):
    """A thing of real size, standing on y = 0 around the origin, facing -z; triangles with groups.

    ``corners`` and ``normals`` (F, 3, 3), ``group`` (F,), ``colours`` (groups, 3): linear, of each group.
    """

    name: str
    size: Array
    corners: Array
    normals: Array
    group: Array
    colours: Array


def kept_back(name: str) -> bool:
    """Say whether a thing or a photograph of that name belongs to the evaluation."""
    return zlib.crc32(name.encode()) % 4 == 0


class Meshes:
    """All things of the library, by the half that is asked for."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self._names = [str(name) for name in file["names"]]
            self._sizes, self._first = file["sizes"], file["first"]
            self._corners, self._group = file["corners"], file["group"]
            self._colours, self._first_colour = file["colours"], file["first_colour"]
        longest = self._sizes.max(1)
        back = np.array([kept_back(name) for name in self._names], bool)
        self._by_size = {
            (held, low): np.flatnonzero((back == held) & (longest >= low) & (longest < high))
            for held in (False, True)
            for low, high in ((0.0, 0.45), (0.45, 1.3), (1.3, 4.0))
        }

    def __len__(self) -> int:
        return len(self._names)

    def pick(self, rng: Rng, size: str, *, held_out: bool) -> Mesh | None:
        """Return a small (up to 0.45 m), middle (1.3 m) or large thing (4 m); None where there is none."""
        choice = self._by_size[held_out, {"small": 0.0, "middle": 0.45, "large": 1.3}[size]]
        return self._mesh(int(choice[rng.integers(len(choice))])) if len(choice) else None

    @functools.lru_cache(maxsize=400)  # noqa: B019  (one library lives as long as the process)
    def _mesh(self, number: int) -> Mesh:
        faces = slice(self._first[number], self._first[number + 1])
        colours = self._colours[self._first_colour[number] : self._first_colour[number + 1]]
        corners = self._corners[faces].astype(float)
        return Mesh(
            self._names[number],
            self._sizes[number],
            corners,
            normals(corners),
            self._group[faces].astype(np.int64),
            colours.astype(float),
        )


def normals(corners: Array) -> Array:
    """Return the normals (F, 3, 3) of triangles (F, 3, 3): smooth, but flat at creases."""
    flat = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    _, where = np.unique(np.round(corners.reshape(-1, 3), 5), axis=0, return_inverse=True)
    where = where.ravel()
    count = np.bincount(where)[:, None]
    mean = np.stack([np.bincount(where, np.repeat(flat[:, k], 3)) for k in range(3)], -1) / count
    smooth = (np.linalg.norm(mean, axis=-1) > SMOOTH)[where].reshape(-1, 3, 1)
    return np.where(smooth, _unit(mean)[where].reshape(-1, 3, 3), flat[:, None])


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12))


@functools.cache
def meshes() -> Meshes | None:
    """Return the library's things; None without the file."""
    path = FOLDER / MESHES
    return Meshes(path) if path.exists() else None


@functools.cache
def photographs(*, held_out: bool = False) -> tuple[Array, ...]:
    """Return the library's photographs, each (H, W, 3) uint8 sRGB; none without the file."""
    path = FOLDER / PHOTOGRAPHS
    if not path.exists():
        return ()
    with np.load(path) as file:
        return tuple(file[name] for name in sorted(file.files) if kept_back(name) == held_out)
