"""Gaussians to a .ply file in one buffer: the 3DGS layout that every viewer reads, a vertex element alone."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

from inference_consumer.models import Camera

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.floating[Any]]]"

FIELDS: Final = (
    *("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
VERTEX: Final = np.dtype([(name, "<f4") for name in FIELDS])
"""56 bytes: metres, sRGB as the constant harmonic, logit of the opacity, log of the scales, wxyz."""
SH_C0: Final = 0.28209479177387814
"""sqrt(1 / 4 pi)."""
MEDIA_TYPE: Final = "application/ply"


def encode(
    *, means: Floats, colors: Floats, opacity: float, scales: Floats, camera: Camera | None = None
) -> bytearray:
    """Return the whole file of N Gaussians that are not turned.

    ``means`` (N, 3) in metres, OpenCV axes: x right, y down, z forward. ``colors`` (N, 3) sRGB in [0, 1].
    ``scales`` (N, 3) or (3,), standard deviations in metres. ``opacity`` between 0 and 1, of all. The
    camera goes into a comment.
    """
    header = _header(len(means), camera)
    out = bytearray(len(header) + len(means) * VERTEX.itemsize)
    out[: len(header)] = header
    vertices = np.frombuffer(out, VERTEX, offset=len(header))
    log_scales = np.broadcast_to(np.log(scales), means.shape)
    harmonics = (colors - 0.5) / SH_C0
    for axis in range(3):
        vertices[FIELDS[axis]] = means[:, axis]
        vertices[f"f_dc_{axis}"] = harmonics[:, axis]
        vertices[f"scale_{axis}"] = log_scales[:, axis]
    vertices["opacity"] = np.log(opacity / (1 - opacity))
    vertices["rot_0"] = 1
    return out


def _header(count: int, camera: Camera | None) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0", "comment color_space srgb"]
    if camera is not None:
        lines.append(f"comment camera {camera.focal_px!r} {camera.width} {camera.height}")
    lines.append(f"element vertex {count}")
    lines += [f"property float {name}" for name in FIELDS]
    return "\n".join([*lines, "end_header", ""]).encode()
