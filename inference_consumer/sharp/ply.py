"""The .ply file: Gaussians to one buffer of bytes, and back.

Source: SHARP paper, arXiv 2512.10685, and the layout of the files its implementation writes. Two layouts of
the same vertices: *plain*, a vertex element alone that ordinary splat viewers read (the camera stands in
comments), and *sharp*, byte for byte SHARP's own, with seven elements behind the vertices.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from inference_consumer.sharp.camera import CPU_CHUNK, Camera
from inference_consumer.sharp.color import linear_to_srgb, srgb_to_linear
from inference_consumer.sharp.gaussians import Gaussians

VERTEX = (
    *("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
SH_C0 = 0.28209479177387814
"""sqrt(1 / 4 pi), the constant spherical harmonic."""
SRGB, LINEAR = 0, 1
VERSION = (1, 5, 0)
LEGACY_CAMERA = Camera(512.0, 640, 480)
"""What a file without intrinsics is taken to show."""

_TYPES = {"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"}
_INTEGERS = {"char": 1, "int8": 1, "short": 2, "int16": 2, "int": 4, "int32": 4}
_TYPES |= {name: f"i{size}" for name, size in _INTEGERS.items()}
_TYPES |= {f"u{name}": f"u{size}" for name, size in _INTEGERS.items()}
_COUNTS = {"extrinsic": (16, 12), "intrinsic": (9, 4), "image_size": (2,), "color_space": (1,)}


class PlyError(ValueError):
    """The bytes are not a .ply file of Gaussians; the message says what is missing."""


class PlyScene(NamedTuple):
    """What a file holds."""

    gaussians: Gaussians  # metric, on the CPU; colours linear whatever the file stores
    camera: Camera
    extrinsic: np.ndarray[Any, np.dtype[np.float32]]  # (4, 4) world to camera
    elements: dict[str, np.ndarray[Any, Any]]  # every element as stored; `vertex` is a structured array


def encode_ply(gaussians: Gaussians, camera: Camera, *, sharp_elements: bool = False) -> memoryview:
    """Return the whole file as one buffer, page-locked where it comes from a GPU.

    A vertex holds metres, sRGB as a spherical harmonic, logit of the opacity, log of the scales, and wxyz.
    Opacities of exactly 0 and 1 are moved to the next float32, so that every number of the file is finite.

    Args:
        gaussians: N metric Gaussians without a batch axis, on any device.
        camera: of the original photo.
        sharp_elements: write SHARP's own layout in place of the plain one.
    """
    count = len(gaussians.means)
    trailer = _trailer(gaussians, camera) if sharp_elements else []
    header = _header(count, camera, trailer)
    size = len(header) + 4 * len(VERTEX) * count
    total = size + sum(values.nbytes for _, _, values in trailer)
    # Not a bytearray: that would zero 66 MB first. Bytes, not floats: the header leaves vertices unaligned.
    buffer = torch.empty(total, dtype=torch.uint8, pin_memory=gaussians.means.is_cuda)
    out: memoryview = buffer.numpy().data
    out[: len(header)] = header
    if count:
        _write_vertices(gaussians, buffer[len(header) : size].view(count, -1))
    for _, _, values in trailer:
        out[size : size + values.nbytes] = values.tobytes()
        size += values.nbytes
    return out


def write_ply(
    gaussians: Gaussians, camera: Camera, path: str | PathLike[str], *, sharp_elements: bool = False
) -> int:
    """Write the file of `encode_ply` with one write; return its size in bytes."""
    return Path(path).write_bytes(encode_ply(gaussians, camera, sharp_elements=sharp_elements))


def read_ply(source: str | PathLike[str] | bytes | bytearray | memoryview) -> PlyScene:
    """Read a plain or a sharp file, or one of SHARP's earlier layouts.

    Earlier layouts: no colour space means linear colours; no intrinsics means `LEGACY_CAMERA`; four
    intrinsics are fx, fy, width, height; twelve extrinsics are 3x4 with the rotation transposed.

    Args:
        source: a path, or the file's bytes.

    Raises:
        PlyError: not a binary .ply, cut short, or without the properties of a Gaussian.
    """
    data = source if isinstance(source, bytes | bytearray | memoryview) else Path(source).read_bytes()
    comments, elements = _parse(memoryview(data))
    vertex = elements.get("vertex")
    if vertex is None or any(name not in (vertex.dtype.names or ()) for name in VERTEX):
        raise PlyError(f"the vertex element needs the properties {', '.join(VERTEX)}")
    flat = {name: values[name] for name, values in elements.items() if values.dtype.names == (name,)}
    for name, counts in _COUNTS.items():
        if name in flat and len(flat[name]) not in counts:
            raise PlyError(f"{name} has {len(flat[name])} values, not {' or '.join(map(str, counts))}")
    rows = torch.from_numpy(np.stack([vertex[name].astype(np.float32) for name in VERTEX]))  # (14, N)
    colors = rows[3:6] * SH_C0 + 0.5
    if _color_space(flat, comments) == SRGB:
        colors = srgb_to_linear(colors)
    gaussians = Gaussians(rows[0:3].T, rows[7:10].exp().T, rows[10:14].T, colors.T, rows[6].sigmoid())
    return PlyScene(gaussians, _camera(flat, comments), _extrinsic(flat), {**elements, **flat})


def _header(count: int, camera: Camera, trailer: list[tuple[str, str, np.ndarray[Any, Any]]]) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0"]
    if not trailer:
        lines.append("comment color_space srgb")
        lines.append(f"comment camera {camera.focal_px!r} {camera.width} {camera.height}")
    lines.append(f"element vertex {count}")
    lines += [f"property float {name}" for name in VERTEX]
    for name, kind, values in trailer:
        lines += [f"element {name} {len(values)}", f"property {kind} {name}"]
    return "\n".join([*lines, "end_header", ""]).encode()


def _trailer(gaussians: Gaussians, camera: Camera) -> list[tuple[str, str, np.ndarray[Any, Any]]]:
    focal, width, height = camera
    disparity = 1 / gaussians.means[:, 2].cpu().numpy()
    # Partial sorting, 10 times faster than torch.quantile; 5 MB come from a GPU for it.
    quantiles = np.quantile(disparity, [0.1, 0.9]) if len(disparity) else [0, 0]
    intrinsic = [focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1]
    return [
        ("extrinsic", "float", np.eye(4, dtype="<f4").ravel()),
        ("intrinsic", "float", np.array(intrinsic, dtype="<f4")),
        ("image_size", "uint", np.array([width, height], dtype="<u4")),
        ("frame", "int", np.array([1, len(disparity)], dtype="<i4")),
        ("disparity", "float", np.array(quantiles, dtype="<f4")),
        ("color_space", "uchar", np.array([SRGB], dtype="u1")),
        ("version", "uchar", np.array(VERSION, dtype="u1")),
    ]


def _write_vertices(gaussians: Gaussians, body: torch.Tensor) -> None:
    """Fill body (N, 56), bytes on the CPU, from Gaussians on any device."""
    count, device = len(gaussians.means), gaussians.means.device
    chunk = min(CPU_CHUNK, count) if device.type == "cpu" else count
    rows = torch.empty(chunk, len(VERTEX), device=device)
    tiny, almost_one = torch.finfo(torch.float32).tiny, 1 - 2.0**-24
    for start in range(0, count, chunk):
        part = gaussians.part(start, min(start + chunk, count))
        out = rows[: len(part.means)]
        out[:, 0:3] = part.means
        out[:, 3:6] = (linear_to_srgb(part.colors) - 0.5) / SH_C0
        out[:, 6] = torch.logit(part.opacities.clamp(tiny, almost_one))
        out[:, 7:10] = torch.log(part.scales)
        out[:, 10:14] = part.quaternions
        body[start : start + chunk].copy_(out.view(torch.uint8))


def _parse(data: memoryview) -> tuple[dict[str, list[str]], dict[str, np.ndarray[Any, Any]]]:
    """Split a file into its comments, by first word, and its elements."""
    head, mark, _ = bytes(data[: 1 << 16]).partition(b"end_header\n")
    lines = [line.split() for line in head.decode("ascii", errors="replace").splitlines() if line.strip()]
    if not mark or lines[:1] != [["ply"]]:
        raise PlyError("no .ply header")
    if lines[1:2] != [["format", "binary_little_endian", "1.0"]]:
        raise PlyError("only binary_little_endian 1.0 is read")
    comments = {line[1]: line[2:] for line in lines if line[0] == "comment" and len(line) > 1}
    elements: dict[str, np.ndarray[Any, Any]] = {}
    offset = len(head) + len(mark)
    for name, (count, fields) in _layout(lines).items():
        if not fields or len(dict(fields)) < len(fields):
            raise PlyError(f"{name} has no properties, or one of them twice")
        dtype = np.dtype(fields)
        if offset + count * dtype.itemsize > len(data):
            raise PlyError(f"cut short inside {name}")
        elements[name] = np.frombuffer(data, dtype, count, offset)
        offset += count * dtype.itemsize
    return comments, elements


def _layout(lines: list[list[str]]) -> dict[str, tuple[int, list[tuple[str, str]]]]:
    """Return element -> count and its properties with their numpy types."""
    layout: dict[str, tuple[int, list[tuple[str, str]]]] = {}
    for line in lines:
        match line:
            case ["element", name, count] if count.isdecimal():
                layout[name] = (int(count), [])
            case ["element", *rest]:
                raise PlyError(f"element {' '.join(rest)}: no count")
            case ["property", kind, name] if layout and kind in _TYPES:
                layout[next(reversed(layout))][1].append((name, "<" + _TYPES[kind]))
            case ["property", *rest]:
                raise PlyError(f"property {' '.join(rest)}: only scalars are read")
    return layout


def _color_space(flat: dict[str, np.ndarray[Any, Any]], comments: dict[str, list[str]]) -> int:
    if "color_space" in flat:
        return int(flat["color_space"][0])
    return SRGB if comments.get("color_space") == ["srgb"] else LINEAR


def _camera(flat: dict[str, np.ndarray[Any, Any]], comments: dict[str, list[str]]) -> Camera:
    intrinsic = flat.get("intrinsic")
    if intrinsic is not None and len(intrinsic) == 4:
        return Camera(float(intrinsic[0]), int(intrinsic[2]), int(intrinsic[3]))
    if intrinsic is not None and "image_size" in flat:
        return Camera(float(intrinsic[0]), *(int(side) for side in flat["image_size"]))
    if intrinsic is not None:
        return Camera(float(intrinsic[0]), round(2 * intrinsic[2]), round(2 * intrinsic[5]))
    try:
        focal, width, height = comments["camera"]
        return Camera(float(focal), int(width), int(height))
    except (KeyError, ValueError):  # no comment, or another program's
        return LEGACY_CAMERA


def _extrinsic(flat: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = flat.get("extrinsic")
    matrix = np.eye(4, dtype=np.float32)
    if values is not None and len(values) == 12:
        matrix[:3] = values.reshape(3, 4)
        matrix[:3, :3] = matrix[:3, :3].T.copy()
    elif values is not None:
        matrix[:] = values.reshape(4, 4)
    return matrix
