"""NDC to metric without an SVD: the covariance against float64, for every kind of scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_consumer.sharp import Camera, Gaussians, to_metric
from inference_consumer.sharp.camera import CPU_CHUNK
from tests.fixtures.sharp.check_fixture import covariance_rows

CAMERA = Camera(600.0, 720, 480)
# float32 has 6e-8; the factor's rounding enters twice and the rotations add theirs.
COVARIANCE = 3e-6  # of the largest entry
SCALE = 3e-6  # of each scale, including the smallest


def ndc(scales: torch.Tensor, seed: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)
    count = len(scales)
    return Gaussians(
        torch.randn(count, 3, generator=generator),
        scales,
        torch.randn(count, 4, generator=generator) * 3,
        torch.rand(count, 3, generator=generator),
        torch.rand(count, generator=generator),
    )


def exact(gaussians: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances (N, 3, 3) and scales (N, 3), descending, in float64."""
    stretch = np.array([camera.width / (2 * camera.focal_px), camera.height / (2 * camera.focal_px), 1.0])
    six = covariance_rows(np.ones_like(gaussians.scales), gaussians.quaternions.numpy())
    np.testing.assert_allclose(six[:, [0, 3, 5]], 1, atol=1e-12)  # they are rotations
    q = gaussians.quaternions.double().numpy()
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    w, x, y, z = q.T
    rotation = np.stack(
        [
            *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        ],
        axis=1,
    ).reshape(-1, 3, 3)
    factor = stretch[:, None] * rotation * gaussians.scales.double().numpy()[:, None, :]
    return factor @ factor.transpose(0, 2, 1), np.linalg.svd(factor, compute_uv=False)


def full(six: np.ndarray) -> np.ndarray:
    return six[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3)


def check(gaussians: Gaussians, camera: Camera = CAMERA) -> None:
    metric = to_metric(gaussians, camera)
    assert all(torch.isfinite(field).all() for field in metric)
    covariance, scales = exact(gaussians, camera)
    got = full(covariance_rows(metric.scales.numpy(), metric.quaternions.numpy()))
    largest = np.abs(covariance).max(axis=(1, 2))
    assert (np.abs(got - covariance).max(axis=(1, 2)) <= COVARIANCE * largest).all()
    np.testing.assert_allclose(metric.scales, scales, rtol=SCALE)
    assert (metric.scales.diff(dim=1) <= SCALE * metric.scales[:, :1]).all()
    np.testing.assert_allclose(metric.quaternions.norm(dim=1), 1, atol=1e-6)


def random_scales(count: int, spread: float, seed: int = 1) -> torch.Tensor:
    return torch.exp(spread * torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))) * 0.01


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_random_scales(spread: float) -> None:
    check(ndc(random_scales(50_000, spread)))


@pytest.mark.parametrize(
    "ratios",
    [
        (1.0, 1.0, 1.0),
        (1.0, 1.0, 0.01),
        (1.0, 0.01, 0.01),
        (1.0, 1.0, 1e-6),
        (1.0, 1e-4, 1e-8),
        (1e-8, 1.0, 1e-8),
        (1e-5, 1e-5, 1.0),
    ],
)
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e6])
@pytest.mark.parametrize("camera", [CAMERA, Camera(500.0, 1000, 1000)])
def test_degenerate_tiny_and_extreme(ratios: tuple[float, ...], size: float, camera: Camera) -> None:
    check(ndc(torch.tensor(ratios).expand(2000, 3) * size), camera)


def test_zero_scales_stay_finite() -> None:
    scales = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1e-30, 1.0]])
    metric = to_metric(ndc(scales), CAMERA)
    assert all(torch.isfinite(field).all() for field in metric)
    assert (metric.scales > 0).all()
    np.testing.assert_allclose(metric.quaternions.norm(dim=1), 1, atol=1e-6)
    covariance, _ = exact(ndc(scales), CAMERA)
    got = full(covariance_rows(metric.scales.numpy(), metric.quaternions.numpy()))
    np.testing.assert_allclose(got, covariance, atol=COVARIANCE)


def test_aligned_axes_and_half_turns() -> None:
    """Covers every branch of matrix to quaternion, and columns that are already orthogonal."""
    turns = torch.tensor(
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, -1.0]]
    )
    orders = torch.tensor([[3, 2, 1], [1, 2, 3], [2, 3, 1], [1, 3, 2], [2, 1, 3], [3, 1, 2.0]])
    gaussians = ndc(orders.repeat_interleave(6, 0))._replace(quaternions=turns.repeat(6, 1))
    check(gaussians)


def test_a_small_entry_of_the_rotation_is_not_lost_to_rounding() -> None:
    """The long axis is almost normal to z, the only axis that is not squeezed here."""
    gaussians = ndc(torch.tensor([[0.01, 0.01, 1.0]]))
    check(gaussians._replace(quaternions=torch.tensor([[0, 0.04, 1, 1.0]])), Camera(2621.0, 100, 100))


finite = st.floats(-1, 1, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6)
positive = st.floats(-18, 6).map(lambda x: float(np.float32(10.0**x)))


@settings(max_examples=200, deadline=None)
@given(
    scales=st.tuples(positive, positive, positive).filter(lambda s: max(s) < 1e8 * min(s)),
    quaternion=st.tuples(finite, finite, finite, finite).filter(lambda q: sum(x * x for x in q) > 1e-4),
    focal=st.floats(200, 3000),
    width=st.integers(100, 4000),
    height=st.integers(100, 4000),
)
def test_any_gaussian(
    scales: tuple[float, ...], quaternion: tuple[float, ...], focal: float, width: int, height: int
) -> None:
    gaussians = ndc(torch.tensor([scales]))._replace(quaternions=torch.tensor([quaternion]))
    check(gaussians, Camera(focal, width, height))


def test_positions_colors_and_opacities() -> None:
    gaussians = ndc(random_scales(100, 1.0))
    metric = to_metric(gaussians, CAMERA)
    stretch = torch.tensor([720 / 1200, 480 / 1200, 1.0])
    np.testing.assert_allclose(metric.means, gaussians.means * stretch, rtol=1e-6)
    assert metric.colors is gaussians.colors
    assert metric.opacities is gaussians.opacities


def test_chunk_borders_change_nothing() -> None:
    gaussians = ndc(random_scales(CPU_CHUNK + 7, 1.0))
    metric = to_metric(gaussians, CAMERA)
    tail = to_metric(gaussians.part(CPU_CHUNK - 3, CPU_CHUNK + 7), CAMERA)
    np.testing.assert_allclose(metric.scales[CPU_CHUNK - 3 :], tail.scales, rtol=1e-6)
    assert to_metric(gaussians.part(0, 0), CAMERA).means.shape == (0, 3)
