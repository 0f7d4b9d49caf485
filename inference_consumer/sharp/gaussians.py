"""What the model makes: a set of 3D Gaussians."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Gaussians(NamedTuple):
    """N Gaussians, float32, on one device; a batch puts (B, ...) in front.

    Metric Gaussians live in OpenCV camera space: x right, y down, z forward, metres, the camera at the
    origin, the image centre on +z. NDC Gaussians, the network's own, have z in metres and x, y in metres
    times 2 f / size. Order: layer (front first), row, column.

    The columns of a field are contiguous, not its rows (`means[:, 0]` is one run of memory): all arithmetic
    is by column. Call `.contiguous()` where rows are wanted.
    """

    means: Tensor  # (N, 3) metres
    scales: Tensor  # (N, 3) standard deviations along the Gaussian's axes, metres
    quaternions: Tensor  # (N, 4) w, x, y, z; unit if metric, not normalised if NDC
    colors: Tensor  # (N, 3) linear RGB in [0, 1]
    opacities: Tensor  # (N,) in [0, 1]

    @classmethod
    def empty(cls, count: int, device: torch.device | str = "cpu") -> Gaussians:
        """Return uninitialised Gaussians with contiguous columns."""
        means, scales, quaternions, colors = (torch.empty(w, count, device=device).T for w in (3, 3, 4, 3))
        return cls(means, scales, quaternions, colors, torch.empty(count, device=device))

    def part(self, start: int, stop: int) -> Gaussians:
        """Return Gaussians `start` to `stop` as views."""
        return Gaussians(*(field[start:stop] for field in self))

    def photo(self, index: int) -> Gaussians:
        """Return one photo's Gaussians of a batch as views."""
        return Gaussians(*(field[index] for field in self))

    def to(self, device: torch.device | str) -> Gaussians:
        """Return the Gaussians on another device; columns stay contiguous."""
        return Gaussians(*(field.to(device) for field in self))
