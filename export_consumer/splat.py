"""Reads a scene's .ply into `Gaussians`, and writes it in one buffer.

Reads the inference role's layout (a vertex element and a camera in the comments) and SHARP's own, whose
further elements hold the camera. Any other raises `SplatCorruptError`, as these files are never edited.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.contract import splat as contract
from bus.contract.splat import END_OF_HEADER, FORMAT_LINES, FULL_PROPERTIES, PROPERTIES, Camera, Element
from export_consumer.errors import SplatCorruptError
from export_consumer.gaussians import Gaussians, Scene

_COLUMNS: Final[tuple[slice | int, ...]] = (slice(0, 3), slice(3, 6), 6, slice(7, 10), slice(10, 14))
"""The columns of a row of `PROPERTIES` for each array of `Gaussians`, in order."""
_TYPES: Final = {"float": "<f4", "uint": "<u4", "int": "<i4", "uchar": "u1"}
_FORMAT: Final = [line.split() for line in FORMAT_LINES]
_HEAD_BYTES: Final = 64 * 1024
_MAX_COUNT: Final = 50_000_000
"""2.8 GB, more than any worker can hold."""
_CAMERA: Final = (float, int, int)
_MAX_SIDE: Final = 100_000_000
"""Pixels: more than any photo has, whose product is limited."""
_FOCAL: Final = 1000.0
"""A focal length is between the longer side divided by this, and times this: 179.9 to 0.06 degrees."""
_GUESSED_SIDE: Final = 768
_MAX_NUMBER: Final = 1e7
_MAX_LOG_SCALE: Final = 20.0
"""5e8 m. Formats without logarithms must be able to hold it, and its square."""

Elements = dict[str, "np.ndarray[Any, Any]"]


def read(data: bytes) -> Scene:
    """Return the scene. Raises `SplatCorruptError` for bytes that are not a complete, finite splat."""
    comments, elements = _parse(data)
    rows = elements["vertex"]
    if not len(rows):
        raise SplatCorruptError("The splat holds no Gaussians; generate the scene again.")
    largest = max(rows.max(), -rows.min())  # NaN if any value is NaN
    if not np.isfinite(largest):
        raise SplatCorruptError("The splat holds numbers that are not finite; generate the scene again.")
    values = [rows[:, columns].copy() for columns in _COLUMNS]
    if largest > _MAX_NUMBER or values[3].max() > _MAX_LOG_SCALE:
        raise SplatCorruptError("The splat holds numbers that no scene has; generate the scene again.")
    norms = np.linalg.norm(values[4], axis=1, keepdims=True)
    if not norms.all():
        raise SplatCorruptError("The splat holds a rotation of length 0; generate the scene again.")
    if np.abs(norms - 1).max() > 1e-3:  # stored as the network gave them; unit ones stay unchanged
        values[4] /= norms
    gaussians = Gaussians(*values)
    return Scene(gaussians, _camera(elements, comments, gaussians))


def write(scene: Scene, *, comments: tuple[str, ...] = (), trailer: Elements | None = None) -> bytes:
    """Return the plain file of a scene, lossless; ``trailer`` holds further one-property elements."""
    g = scene.gaussians
    kinds = {np.dtype(code): name for name, code in _TYPES.items()}
    elements = [Element(name, kinds[values.dtype], len(values)) for name, values in (trailer or {}).items()]
    header = contract.header(g.size, comments=comments, elements=elements)
    rows = np.empty((g.size, len(PROPERTIES)), "<f4")
    for columns, values in zip(_COLUMNS, g, strict=True):
        rows[:, columns] = values
    return b"".join([header, rows.data, *(values.tobytes() for values in (trailer or {}).values())])


def write_full(scene: Scene, *, comments: tuple[str, ...] = ()) -> bytes:
    """Return the file in the layout of `FULL_PROPERTIES`: 248 bytes a Gaussian, 192 of them zero."""
    g = scene.gaussians
    rows = np.zeros((g.size, len(FULL_PROPERTIES)), "<f4")
    for columns, values in zip(_COLUMNS, g, strict=True):
        names = np.atleast_1d(np.array(PROPERTIES)[columns])
        rows[:, [FULL_PROPERTIES.index(name) for name in names]] = values.reshape(g.size, -1)
    return contract.header(g.size, comments=comments, properties=FULL_PROPERTIES) + rows.tobytes()


def _parse(data: bytes) -> tuple[dict[str, list[str]], Elements]:
    head, mark, _ = data[:_HEAD_BYTES].partition(END_OF_HEADER)
    lines = [line.split() for line in head.decode("ascii", errors="replace").splitlines()]
    if not mark or lines[:2] != _FORMAT:
        raise SplatCorruptError("The splat has no .ply header; generate the scene again.")
    comments = {line[1]: line[2:] for line in lines if line[:1] == ["comment"] and len(line) > 1}
    layout = _layout(lines)
    if tuple(name for name, _ in layout.get("vertex", (0, []))[1]) != PROPERTIES:
        raise SplatCorruptError(f"The splat's vertices must have: {', '.join(PROPERTIES)}.")
    elements: Elements = {}
    offset = len(head) + len(mark)
    for name, (count, fields) in layout.items():
        dtype = np.dtype(fields[0][1])  # all of one type: vertices are floats, the others have one property
        size = count * len(fields) * dtype.itemsize
        if offset + size > len(data):
            raise SplatCorruptError(f"The splat is cut short inside {name}; generate the scene again.")
        flat = np.frombuffer(data, dtype, count * len(fields), offset)
        elements[name] = flat.reshape(count, len(fields)) if name == "vertex" else flat
        offset += size
    return comments, elements


def _layout(lines: list[list[str]]) -> dict[str, tuple[int, list[tuple[str, str]]]]:
    """Return element -> count and its properties with their numpy types."""
    layout: dict[str, tuple[int, list[tuple[str, str]]]] = {}
    for line in lines[2:]:
        match line:
            case ["element", name, count] if name not in layout and _sane(count):
                layout[name] = (int(count), [])
            case ["property", kind, name] if layout and kind in _TYPES:
                layout[next(reversed(layout))][1].append((name, _TYPES[kind]))
            case ["comment", *_] | []:
                continue
            case _:
                raise SplatCorruptError(
                    f"The splat's header says {' '.join(line)[:80]!r}, which we never write."
                )
    if any(len({kind for _, kind in fields}) != 1 for _, fields in layout.values()):
        raise SplatCorruptError("The splat's header mixes types within an element, which we never write.")
    return layout


def _sane(count: str) -> bool:
    return count.isdecimal() and len(count) <= len(str(_MAX_COUNT)) and int(count) <= _MAX_COUNT


def _camera(elements: Elements, comments: dict[str, list[str]], gaussians: Gaussians) -> Camera:
    """Return the camera stated in the file. What it does not state, or no camera has, is guessed."""
    try:
        if "intrinsic" in elements:
            width, height = map(int, elements["image_size"])
            focal = float(elements["intrinsic"][0])
        else:
            focal, width, height = (
                kind(text) for kind, text in zip(_CAMERA, comments["camera"], strict=True)
            )
    except (KeyError, ValueError, IndexError, OverflowError):
        return _guess(gaussians, _GUESSED_SIDE, _GUESSED_SIDE)
    if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
        return _guess(gaussians, _GUESSED_SIDE, _GUESSED_SIDE)
    if 1 / _FOCAL <= focal / max(width, height) <= _FOCAL:  # False for NaN too
        return Camera(focal, width, height)
    return _guess(gaussians, width, height)


def _guess(gaussians: Gaussians, width: int, height: int) -> Camera:
    """Return a camera of these sides at the origin that sees 98 % of the Gaussians in front of it."""
    x, y, z = gaussians.positions.T
    before = z > 1e-3
    if not before.any():
        return Camera(float(max(width, height)), width, height)
    across, down = (float(np.quantile(np.abs(axis[before]) / z[before], 0.98)) for axis in (x, y))
    spread = max(across / width, down / height) * 2
    return Camera(1 / max(spread, 1e-2 / max(width, height)), width, height)
