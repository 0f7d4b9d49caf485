"""Depth to first Gaussians: one for each cell of 2x2 pixels and each of the two layers.

SHARP paper, arXiv 2512.10685. No parameters; float32 throughout. B photos, R resolution, G = R/2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own spelling
from torch import Tensor

from inference_consumer.sharp.stages import Record, ignore


class Initial(NamedTuple):
    """First Gaussians in normalised depth (nearest point about 1), and what the Gaussian decoder sees."""

    photo: Tensor  # (B, 5, R, R) image and inverse depth in [-1, 1]
    x: Tensor  # (1, 1, 1, 1, G) cell centres in [-1, 1], right
    y: Tensor  # (1, 1, 1, G, 1) cell centres in [-1, 1], down
    inverse_z: Tensor  # (B, 1, 2, G, G) nearest in the cell
    scales: Tensor  # (B, 1, 2, G, G) one cell at that depth
    colors: Tensor  # (B, 3, 1, G, G) sRGB mean of the cell, the same for both layers
    opacity: float
    metres: Tensor  # (B,) metres in one unit of normalised depth


def to_depth(disparity: Tensor, disparity_factor: Tensor) -> Tensor:
    """Turn disparity (B, 2, R, R) into metres, with f / width (B,)."""
    return disparity_factor[:, None, None, None] / disparity.clamp(1e-4, 1e4)


def initialize(image: Tensor, depth: Tensor, record: Record = ignore) -> Initial:
    """Place the first Gaussians.

    Args:
        image: (B, 3, R, R) sRGB in [0, 1].
        depth: (B, 2, R, R) metres, front and back layer.
        record: is handed every stage `init.*`.
    """
    factor = 1 / (depth.amin(dim=(1, 2, 3)) + 1e-6)  # (B,)
    inverse = 1 / (depth * factor[:, None, None, None]).clamp(max=100)  # (B, 2, R, R), unitless
    grid = image.shape[-1] // 2
    cells = torch.arange(grid, device=image.device, dtype=torch.float32)
    centres = 2 * (2 * cells + 1) / (2 * grid) - 1
    inverse_z = F.max_pool2d(inverse, 2)[:, None]
    initial = Initial(
        photo=2 * torch.cat([image, inverse], dim=1) - 1,
        x=centres.view(1, 1, 1, 1, -1),
        y=centres.view(1, 1, 1, -1, 1),
        inverse_z=inverse_z,
        scales=(1 / inverse_z) * (2 / grid),  # a cell is 2/G wide in [-1, 1]
        colors=F.avg_pool2d(image, 2)[:, :, None],
        opacity=0.5,
        metres=1 / factor,
    )
    if record is not ignore:
        _record(initial, record)
    return initial


def _record(initial: Initial, record: Record) -> None:
    shape = initial.inverse_z.shape
    record("init.feature_input", initial.photo)
    record("init.mean_x_ndc", initial.x.expand(shape))
    record("init.mean_y_ndc", initial.y.expand(shape))
    record("init.inverse_z", initial.inverse_z)
    record("init.scales", initial.scales)
    record("init.quaternions", initial.metres.new_tensor([1, 0, 0, 0]).view(1, 4, 1, 1, 1))
    record("init.colors", initial.colors.expand(-1, -1, 2, -1, -1))
    record("init.opacities", initial.metres.new_tensor([initial.opacity]))
    record("init.global_scale", initial.metres)
