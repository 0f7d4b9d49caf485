"""First Gaussians plus the network's corrections: the Gaussians in NDC.

SHARP paper, arXiv 2512.10685. No parameters; float32, element-wise. G grid, N = 2 G².
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own spelling
from torch import Tensor

from inference_consumer.sharp.color import srgb_to_linear
from inference_consumer.sharp.gaussians import Gaussians
from inference_consumer.sharp.initializer import Initial

POSITION_FACTOR = 0.001
COLOR_FACTOR = 0.1
SCALE_MIN, SCALE_MAX = 0.0, 10.0


def inverse_softplus(value: Tensor) -> Tensor:
    """Return x with softplus(x) = value, stable for values near zero and for large ones."""
    value = value.clamp(min=1e-6)
    s = torch.sigmoid(-value)
    return value + torch.log(1 - s / (1 - s))


def scale_factor(delta: Tensor) -> Tensor:
    """Map a correction to a factor between the bounds; 1, with slope 1, at a correction of 0."""
    span = SCALE_MAX - SCALE_MIN
    share = (1 - SCALE_MIN) / span
    slope = span / ((1 - SCALE_MIN) * (SCALE_MAX - 1))
    return span * torch.sigmoid(slope * delta + math.log(share / (1 - share))) + SCALE_MIN


def compose(initial: Initial, delta: Tensor) -> Gaussians:
    """Correct the first Gaussians.

    Args:
        initial: the first Gaussians of B photos.
        delta: (B, 14, 2, G, G) corrections, in the order of `PredictionHead`.

    Returns:
        NDC Gaussians (B, N, ...): z in metres, x and y in metres times 2 f / size.
    """
    metres = initial.metres.view(-1, 1, 1, 1)

    inverse = F.softplus(inverse_softplus(initial.inverse_z[:, 0]) + POSITION_FACTOR * delta[:, 2])
    z = 1 / (inverse + 0.001)  # (B, 2, G, G)
    means = torch.empty_like(delta[:, 0:3])  # (B, 3, 2, G, G)
    means[:, 0] = z * (initial.x[:, 0] + POSITION_FACTOR * delta[:, 0])
    means[:, 1] = z * (initial.y[:, 0] + POSITION_FACTOR * delta[:, 1])
    means[:, 2] = z
    means *= metres[:, None]

    base = initial.scales[:, 0] * initial.inverse_z[:, 0] * z  # one cell at the corrected depth
    scales = scale_factor(delta[:, 3:6]) * (base * metres)[:, None]

    quaternions = delta[:, 6:10].clone()
    quaternions[:, 0] += 1

    logit = torch.logit(initial.colors.clamp(0.01, 0.99))
    colors = srgb_to_linear(torch.sigmoid(logit + COLOR_FACTOR * delta[:, 10:13]))
    opacities = torch.sigmoid(delta[:, 13] + math.log(initial.opacity / (1 - initial.opacity)))

    def rows(planes: Tensor) -> Tensor:
        """(B, c, 2, G, G) -> (B, N, c), a view: columns stay contiguous."""
        return planes.flatten(2).transpose(1, 2)

    return Gaussians(rows(means), rows(scales), rows(quaternions), rows(colors), opacities.flatten(1))
