"""Every stage of a prediction as an array, for comparison with another implementation.

Names: `preprocess.*`, `vit.*`, `encoder.*`, `monodepth.*`, `init.*`, `gaussian.*`, `delta`, `ndc.*`,
`metric.*`, `ply.*`, in the order of computation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference_consumer.sharp.camera import Camera, rotation_rows
from inference_consumer.sharp.gaussians import Gaussians
from inference_consumer.sharp.ply import VERTEX, encode_ply, read_ply
from inference_consumer.sharp.stages import Record

Array = np.ndarray[Any, np.dtype[Any]]
Visit = Callable[[str, Array], None]
"""Called with a stage's name and an array of its own."""


def recorder(visit: Visit) -> Record:
    """Return a recorder that hands on copies: float32 arrays in NCHW order."""
    return lambda name, value: visit(name, value.to("cpu", torch.float32, copy=True).contiguous().numpy())


def visit_gaussians(space: str, gaussians: Gaussians, visit: Visit) -> None:
    """Hand over one photo's Gaussians as fields (1, N, ...) and as `rows` (N, 20).

    A row is mean 3, scales 3, quaternion 4, colour 3, opacity 1, covariance xx xy xz yy yz zz.
    """
    names = ("mean_vectors", "singular_values", "quaternions", "colors", "opacities")
    record = recorder(visit)
    for name, field in zip(names, gaussians, strict=True):
        record(f"{space}.{name}", field[None])
    means, scales, quaternions, colors, opacities = gaussians
    covariance = _covariance(scales, quaternions)
    record(
        f"{space}.rows",
        torch.cat([means, scales, quaternions, colors, opacities[:, None], covariance], dim=1),
    )


def visit_ply(gaussians: Gaussians, camera: Camera, visit: Visit) -> None:
    """Hand over the file as it would be written: `ply.rows` (N, 14) and every further element."""
    elements = read_ply(encode_ply(gaussians, camera, sharp_elements=True)).elements
    vertex = elements.pop("vertex")
    visit("ply.rows", vertex.view("<f4").reshape(-1, len(VERTEX)))
    for name, values in elements.items():
        visit(f"ply.{name}", values)


def _covariance(scales: Tensor, quaternions: Tensor) -> Tensor:
    """Return (N, 6): the upper triangle of R S² Rᵀ."""
    rows, variance = rotation_rows(quaternions), (scales * scales).unbind(1)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    terms = [[rows[i][k] * rows[j][k] * variance[k] for k in range(3)] for i, j in pairs]
    return torch.stack([a + b + c for a, b, c in terms], dim=1)
