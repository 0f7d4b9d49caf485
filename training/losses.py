"""The losses: depth up to its scale, disparity up to scale and shift, edges, sky, and the metric head.

Maps are (N, h, w); `valid` marks pixels with a finite depth. Predictions and targets of shape are
logarithms of disparity.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SCALES: Final = 3
FAR_MARGIN: Final = 0.3
"""The sky shall lie this much further (in the logarithm) than the furthest thing."""


class Truth(NamedTuple):
    """The truth of N pictures: log disparity and valid (N, h, w), and camera (N, 2).

    `camera` holds the first and the third number of `Geometry.camera`.
    """

    log_disparity: Tensor
    valid: Tensor
    camera: Tensor


def median(x: Tensor, valid: Tensor) -> Tensor:
    """Return the lower median (N,) over the valid pixels of each map; 0 where there is none."""
    flat = torch.where(valid, x, torch.inf).flatten(1).sort(1).values
    count = valid.flatten(1).sum(1)
    middle = flat.gather(1, ((count - 1).clamp(min=0) // 2)[:, None])[:, 0]
    return torch.where(count > 0, middle, 0.0)


def mean(x: Tensor, valid: Tensor) -> Tensor:
    """Return the mean (N,) over the valid pixels of each map; 0 where there is none."""
    total = torch.where(valid, x, 0.0).flatten(1).sum(1)
    return total / valid.flatten(1).sum(1).clamp(min=1)


def relative(predicted: Tensor, truth: Tensor, valid: Tensor, shift: Tensor | None = None) -> Tensor:
    """Return the mean absolute difference (N,) of logarithms less its median, `shift`; free of scale."""
    difference = predicted - truth
    shift = median(difference.detach(), valid) if shift is None else shift
    return mean((difference - shift[:, None, None]).abs(), valid)


def _standard(logarithm: Tensor, valid: Tensor) -> Tensor:
    """Return disparities with median 0 and mean deviation 1 over the valid pixels."""
    # The median of the exponentials is the exponential of the median: 1.
    centred = torch.exp((logarithm - median(logarithm, valid)[:, None, None]).clamp(-5, 5)) - 1
    return centred / mean(centred.abs(), valid).clamp(min=1e-3)[:, None, None]


def affine(predicted: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Return the mean difference (N,) of disparities freed of scale and shift (Ranftl et al. 2020)."""
    difference = _standard(predicted, valid) - _standard(truth, valid)
    return mean(difference.abs().clamp(max=10), valid)


def edges(predicted: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Return the mean gradient (N,) of the difference of logarithms on three scales; free of scale."""
    total = torch.zeros(len(predicted), device=predicted.device)
    difference = predicted - torch.where(valid, truth, 0.0)
    for scale in range(SCALES):
        step = 2**scale
        part, known = difference[:, ::step, ::step], valid[:, ::step, ::step]
        across = (part[:, :, 1:] - part[:, :, :-1]).abs()
        down = (part[:, 1:] - part[:, :-1]).abs()
        total = (
            total
            + mean(across, known[:, :, 1:] & known[:, :, :-1])
            + mean(down, known[:, 1:] & known[:, :-1])
        )
    return total / SCALES


def sky(
    predicted: Tensor, logit: Tensor, truth: Tensor, valid: Tensor, shift: Tensor | None = None
) -> Tensor:
    """Return (N,): how badly the sky is recognised, and how much of it lies before the furthest thing."""
    unlike = (
        functional.binary_cross_entropy_with_logits(logit, (~valid).float(), reduction="none")
        .flatten(1)
        .mean(1)
    )
    shift = median((predicted - truth).detach(), valid) if shift is None else shift
    least = torch.where(valid, truth, torch.inf).flatten(1).amin(1)
    least = torch.where(torch.isfinite(least), least, 0.0)
    nearer = functional.relu(predicted - (shift + least - FAR_MARGIN)[:, None, None]).clamp(max=3)
    return unlike + 0.5 * mean(nearer, ~valid) * (~valid).flatten(1).float().mean(1)


def metric(camera: Tensor, truth: Tensor) -> Tensor:
    """Return (N,): the Laplace cost of the scale with its spread, and the error of the focal length."""
    spread = camera[:, 1].clamp(-3, 2)
    scale = (camera[:, 0] - truth[:, 0]).abs() * torch.exp(-spread) + spread
    return scale + (camera[:, 2] - truth[:, 1]).abs()


def parts(log_disparity: Tensor, logit: Tensor, camera: Tensor, truth: Truth) -> dict[str, Tensor]:
    """Return every part of the loss, weighted, as a mean over the pictures."""
    depth, valid = truth.log_disparity, truth.valid
    shift = median((log_disparity - depth).detach(), valid)
    return {
        "relative": relative(log_disparity, depth, valid, shift).mean(),
        "affine": 0.5 * affine(log_disparity, depth, valid).mean(),
        "edges": 0.5 * edges(log_disparity, depth, valid).mean(),
        "sky": 0.2 * sky(log_disparity, logit, depth, valid, shift).mean(),
        "metric": 0.1 * metric(camera, truth.camera).mean(),
    }
