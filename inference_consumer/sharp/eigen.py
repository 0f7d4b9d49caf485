"""Principal axes of many 3x3 Gaussians at once: one-sided Jacobi rotations on the factor of the covariance.

A covariance C = A Aᵀ comes with its factor A. Rotating A's columns until they are orthogonal gives the axes
(their directions) and the scales (their lengths) without ever forming C. That is why float32 is enough: an
eigenvalue of a float32 C is wrong by eps times the largest one, so a scale of 1/3000 of the largest is lost;
a column keeps its own relative precision (Demmel and Veselić, 1992). The closed formula (cubic by arc cosine)
was left aside for the same reason: in float32 it splits equal scales by sqrt(eps).

The number of rotations is fixed: no branch, no synchronisation, the same code on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor

SWEEPS = 4
"""Passes over the three pairs. Convergence is quadratic: from the fourth on nothing changes in float32."""

_TINY = 1e-30
"""Below every product of two columns whose ratio is above 1e-12, above float32's smallest normal number."""


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return (n,) inner products of (3, n) columns."""
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def _rotate(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """Rotate two columns (3, n) until they are orthogonal, the longer one first."""
    difference = _dot(p, p) - _dot(q, q)
    twice = 2 * _dot(p, q)
    # tan of the small angle, |t| <= 1; the clamp catches what underflow leaves.
    t = twice / (difference.abs() + torch.sqrt(torch.addcmul(twice * twice, difference, difference)) + _TINY)
    t = t.clamp_(-1, 1)
    small = (t * t).add_(1).rsqrt_()  # cosine of the small angle
    swap = difference < 0
    sine = t * small
    cosine, sine = torch.where(swap, sine, small), torch.where(swap, small, sine)
    return torch.addcmul(cosine * p, sine, q), torch.addcmul(cosine * q, sine, p, value=-1)


def principal_axes(columns: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Turn factors A of covariances A Aᵀ into scales and rotations.

    Args:
        columns: the three columns of A, (3, n) each, float32. The product of two lengths must not underflow:
            divide A by its longest column first.

    Returns:
        Scales (3, n), descending, and axes (3, 3, n): `axes[k]` is the unit vector of scale k. The axes
        form a rotation (determinant +1).
    """
    a, b, c = columns
    for _ in range(SWEEPS):
        a, b = _rotate(a, b)
        a, c = _rotate(a, c)
        b, c = _rotate(b, c)
    lengths = torch.stack([_dot(x, x) for x in (a, b, c)]).sqrt_()
    first, second = a / lengths[0], b / lengths[1]
    # The shortest column has the least certain direction: take it from the other two.
    third = torch.stack([first[i - 2] * second[i - 1] - first[i - 1] * second[i - 2] for i in range(3)])
    return lengths, torch.stack([first, second, third])
