"""Known worlds for the tests of `layered`: a red plate before a blue wall, and a tilted floor."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from bus.contract.splat import SH_C0, Camera
from export_consumer import raster
from export_consumer.gaussians import Gaussians as Rendered
from inference_consumer.layered.geometry import Geometry
from inference_consumer.layered.surfaces import Gaussians

ROWS, COLUMNS = 120, 160
FOCAL = 0.8
"""Diagonals."""
NEAR_M, FAR_M = 2.0, 4.0
PLATE = np.s_[40:80, 60:100]
RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)


def plate() -> tuple[np.ndarray, np.ndarray]:
    """Return depth (ROWS, COLUMNS) and colours of the plate before the wall, a little noisy."""
    depth = np.full((ROWS, COLUMNS), FAR_M, np.float32)
    colors = np.tile(np.float32(BLUE), (ROWS, COLUMNS, 1))
    depth[PLATE], colors[PLATE] = NEAR_M, RED
    noise = np.random.default_rng(0).normal(0, 0.02, colors.shape)
    return depth, np.clip(colors + noise, 0, 1).astype(np.float32)


def geometry(depth: np.ndarray, **changes: object) -> Geometry:
    """Return a network's answer: depth everywhere, no sky."""
    known = np.ones(depth.shape, bool)
    made = Geometry(depth=depth, known=known, sky=~known, focal=FOCAL, scale_spread=0.3)
    return dataclasses.replace(made, **changes)


def blurred(depth: np.ndarray, factor: int) -> np.ndarray:
    """Return the depth as a network gives it: coarser by ``factor`` and smooth over steps."""
    rows, columns = (side // factor for side in depth.shape)
    coarse = np.log(depth).reshape(rows, factor, columns, factor).mean((1, 3))
    return np.exp(ndimage.gaussian_filter(coarse, 0.7)).astype(np.float32)


def render(made: Gaussians, camera: Camera, right_m: float = 0.0) -> raster.Picture:
    """Return the picture from a point to the right of the photo's camera."""
    view = np.eye(3, 4, dtype=np.float32)
    view[0, 3] = -right_m
    rendered = Rendered(
        positions=made.means.astype(np.float32),
        harmonics=((made.colors - 0.5) / SH_C0).astype(np.float32),
        logits=np.full(len(made.means), np.log(0.99 / 0.01), np.float32),
        log_scales=np.log(made.scales).astype(np.float32),
        quaternions=made.quaternions,
    )
    return raster.render(rendered, camera, view)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of values in 0..1, decibels."""
    return float(-10 * np.log10(((a - b) ** 2).mean()))
