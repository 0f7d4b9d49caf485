"""Encodes Gaussians as the splat file of `bus.contract.splat`, in one buffer: only a vertex element."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

from bus.contract import splat
from bus.contract.splat import PROPERTIES, SH_C0, Camera

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.floating[Any]]]"

VERTEX: Final = np.dtype([(name, "<f4") for name in PROPERTIES])


def encode(
    *,
    means: Floats,
    colors: Floats,
    opacity: float,
    scales: Floats,
    quaternions: Floats | None = None,
    camera: Camera | None = None,
) -> bytearray:
    """Return the whole file of N Gaussians.

    ``means`` (N, 3) in metres, OpenCV axes: x right, y down, z forward. ``colors`` (N, 3) sRGB in [0, 1].
    ``scales`` (N, 3) or (3,), standard deviations in metres. ``opacity`` between 0 and 1, for all.
    ``quaternions`` (N, 4) wxyz, unit; None turns nothing. The camera is written into a comment.
    """
    comments = ("color_space srgb",) if camera is None else splat.camera_comments(camera)
    header = splat.header(len(means), comments=comments)
    out = bytearray(len(header) + len(means) * VERTEX.itemsize)
    out[: len(header)] = header
    vertices = np.frombuffer(out, VERTEX, offset=len(header))
    log_scales = np.broadcast_to(np.log(scales), means.shape)
    harmonics = (colors - 0.5) / SH_C0
    for axis in range(3):
        vertices[PROPERTIES[axis]] = means[:, axis]
        vertices[f"f_dc_{axis}"] = harmonics[:, axis]
        vertices[f"scale_{axis}"] = log_scales[:, axis]
    vertices["opacity"] = np.log(opacity / (1 - opacity))
    if quaternions is None:
        vertices["rot_0"] = 1
    else:
        for k in range(4):
            vertices[f"rot_{k}"] = quaternions[:, k]
    return out
