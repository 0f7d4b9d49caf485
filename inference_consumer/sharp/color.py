"""The sRGB transfer function and its inverse."""

from __future__ import annotations

import torch
from torch import Tensor


def srgb_to_linear(color: Tensor) -> Tensor:
    """Undo the sRGB transfer function; [0, 1] to [0, 1]."""
    return torch.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(color: Tensor) -> Tensor:
    """Apply the sRGB transfer function; [0, 1] to [0, 1]."""
    return torch.where(color <= 0.0031308, 12.92 * color, 1.055 * color ** (1 / 2.4) - 0.055)
