"""The invariances of the losses."""

from __future__ import annotations

import pytest
import torch

from training import losses


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(1)
    truth = torch.randn(3, 16, 20, generator=generator) * 0.5
    predicted = truth + 0.3 * torch.randn(3, 16, 20, generator=generator)
    valid = torch.rand(3, 16, 20, generator=generator) > 0.2
    return predicted, truth, valid


@pytest.mark.parametrize("loss", [losses.relative, losses.edges, losses.affine])
def test_a_scale_factor_of_the_depth_is_ignored(loss, maps):
    predicted, truth, valid = maps
    factor = torch.tensor([0.7, -1.1, 2.0])[:, None, None]
    torch.testing.assert_close(
        loss(predicted + factor, truth, valid), loss(predicted, truth, valid), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(loss(truth + factor, truth, valid), torch.zeros(3), rtol=0, atol=1e-5)


def test_the_affine_loss_ignores_a_shift_of_the_disparity_and_the_others_do_not(maps):
    predicted, truth, valid = maps
    shifted = torch.log(2.5 * torch.exp(truth) + 0.8)
    torch.testing.assert_close(losses.affine(shifted, truth, valid), torch.zeros(3), rtol=0, atol=1e-4)
    assert (losses.relative(shifted, truth, valid) > 0.05).all()
    assert (losses.edges(shifted, truth, valid) > 0.05).all()
    assert (losses.affine(predicted, truth, valid) > 0.05).all()


def test_invalid_pixels_are_ignored(maps):
    predicted, truth, valid = maps
    for loss in (losses.relative, losses.affine, losses.edges):
        before = loss(predicted, truth, valid)
        wild = torch.where(valid, predicted, 50.0)
        torch.testing.assert_close(loss(wild, truth, valid), before)


def test_a_picture_of_sky_alone_gives_finite_losses_and_gradients():
    predicted = torch.zeros(2, 8, 8, requires_grad=True)
    truth = losses.Truth(torch.zeros(2, 8, 8), torch.zeros(2, 8, 8, dtype=torch.bool), torch.zeros(2, 2))
    camera = torch.zeros(2, 3, requires_grad=True)
    total = torch.stack(list(losses.parts(predicted, predicted * 1.0, camera, truth).values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(predicted.grad).all()


def test_the_sky_loss_is_constant_behind_the_furthest_depth():
    truth, valid = torch.zeros(1, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool)
    valid[:, 0] = False
    near, far = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    far[:, 0] = -2.0
    logit = torch.where(valid, -9.0, 9.0)
    assert losses.sky(near, logit, truth, valid) > losses.sky(far, logit, truth, valid) + 0.01
    torch.testing.assert_close(
        losses.sky(far, logit, truth, valid),
        losses.sky(far - 1, logit, truth, valid) * 1.0,
        rtol=0.2,
        atol=1e-3,
    )


def test_the_metric_loss_is_least_where_the_spread_equals_the_error():
    truth = torch.tensor([[1.0, 0.0]])
    costs = [
        losses.metric(torch.tensor([[1.5, spread, 0.0]]), truth).item() for spread in (-2.0, -0.6931, 1.0)
    ]
    assert costs[1] == min(costs)
