"""NDC to metric camera space: means, and new axes and scales for every Gaussian.

SHARP paper, arXiv 2512.10685. NDC space stretches x and y by 2 f / size; undoing that shears the Gaussians,
so that their axes have to be found anew (`eigen`). float32 on the Gaussians' own device.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from inference_consumer.sharp.eigen import principal_axes
from inference_consumer.sharp.gaussians import Gaussians

CPU_CHUNK = 1 << 16
"""Gaussians at once on a CPU: about 40 arrays of that length, 10 MB, stay in its caches. With a quarter
of it threads wait for each other after every operation; with four times as much arrays leave the caches."""

_SMALLEST = 1e-12
"""A scale below this share of the Gaussian's largest counts as this share; keeps logarithms finite."""


class Camera(NamedTuple):
    """Pinhole camera of the original photo; the principal point is its centre."""

    focal_px: float
    width: int
    height: int


def to_metric(ndc: Gaussians, camera: Camera) -> Gaussians:
    """Turn one photo's NDC Gaussians into metric ones.

    Scales come out in descending order with a unit quaternion of their axes. Colours and opacities are the
    input's own tensors, not copies.

    Args:
        ndc: N Gaussians without a batch axis.
        camera: focal length and size of the original photo, in pixels.
    """
    count = len(ndc.means)
    # The inverse of (NDC matrix x intrinsics) in closed form.
    stretch = (camera.width / (2 * camera.focal_px), camera.height / (2 * camera.focal_px), 1.0)
    metric = Gaussians.empty(count, ndc.means.device)._replace(colors=ndc.colors, opacities=ndc.opacities)
    chunk = CPU_CHUNK if ndc.means.device.type == "cpu" else max(count, 1)
    for start in range(0, count, chunk):
        stop = min(start + chunk, count)
        _convert(ndc.part(start, stop), stretch, metric.part(start, stop))
    return metric


def _convert(ndc: Gaussians, stretch: tuple[float, float, float], out: Gaussians) -> None:
    for axis, factor in enumerate(stretch):
        torch.mul(ndc.means[:, axis], factor, out=out.means[:, axis])
    # Covariance M R S² Rᵀ Mᵀ = A Aᵀ with A = M R S, the largest scale taken out of S.
    size = ndc.scales.amax(dim=1).clamp(min=1e-30)
    rows = rotation_rows(ndc.quaternions)
    columns = []
    for k in range(3):
        share = (ndc.scales[:, k] / size).clamp_(min=_SMALLEST)
        columns.append(torch.stack([rows[i][k] * (share * stretch[i]) for i in range(3)]))
    lengths, axes = principal_axes((columns[0], columns[1], columns[2]))
    torch.mul(lengths.T, size[:, None], out=out.scales)
    rotation_to_quaternion(axes, out.quaternions)


def rotation_rows(quaternions: Tensor) -> list[list[Tensor]]:
    """Return rotation matrices of (n, 4) quaternions wxyz of any length, as rows of (n,) tensors."""
    # A zero quaternion is the identity.
    known = (quaternions * quaternions).sum(dim=1, keepdim=True) > 1e-30
    w, x, y, z = torch.where(known, quaternions, quaternions.new_tensor([1, 0, 0, 0])).unbind(1)
    s = 2 / (w * w + x * x + y * y + z * z)  # in place of a normalised q
    xs, ys, zs = x * s, y * s, z * s
    wx, wy, wz = w * xs, w * ys, w * zs
    xy, xz, yz = x * ys, x * zs, y * zs
    # Differences of squares: 1 - 2 (x² + y²) / |q|² would lose a small entry to the rounding of 1.
    half = s / 2
    wy_, wz_ = (w - y) * (w + y), (w - z) * (w + z)
    xy_, xz_ = (x - y) * (x + y), (x - z) * (x + z)
    return [
        [(wz_ + xy_) * half, xy - wz, xz + wy],
        [xy + wz, (wz_ - xy_) * half, yz - wx],
        [xz - wy, yz + wx, (wy_ - xz_) * half],
    ]


def rotation_to_quaternion(axes: Tensor, out: Tensor) -> None:
    """Write the unit quaternions wxyz of rotations into `out` (n, 4).

    Args:
        axes: (3, 3, n), `axes[k]` is column k of the matrix.
        out: receives the quaternions.
    """
    (m00, m10, m20), (m01, m11, m21), (m02, m12, m22) = (column.unbind(0) for column in axes)
    # Four multiples of the same quaternion; the largest component's is the well-conditioned one.
    a, b, c = m21 - m12, m02 - m20, m10 - m01
    d, e, f = m10 + m01, m02 + m20, m21 + m12
    below = m22 < 0
    first = torch.where(below, m00 > m11, m00 < -m11)
    x_leads, y_leads, z_leads = below & first, below & ~first, ~below & first

    def choose(if_x: Tensor, if_y: Tensor, if_z: Tensor, if_w: Tensor) -> Tensor:
        return torch.where(x_leads, if_x, torch.where(y_leads, if_y, torch.where(z_leads, if_z, if_w)))

    p, q = m00 - m11, m00 + m11
    qw = choose(a, b, c, 1 + q + m22)
    qx = choose(1 + p - m22, d, e, a)
    qy = choose(d, 1 - p - m22, f, b)
    qz = choose(e, f, 1 - q + m22, c)
    scale = torch.rsqrt(qw * qw + qx * qx + qy * qy + qz * qz)
    for k, component in enumerate((qw, qx, qy, qz)):
        torch.mul(component, scale, out=out[:, k])
