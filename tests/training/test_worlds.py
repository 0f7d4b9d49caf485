"""The ray caster against analytic geometry, and pictures by seed and number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.data import batch, halved
from training.worlds import materials, render, shading
from training.worlds.scene import Scene, lathe, turned
from training.worlds.tracer import FAR

pytestmark = pytest.mark.drill  # Numba compiles the ray caster for a minute


@pytest.fixture(scope="module")
def bank():
    return render.bank(3, 0)


def depth_of(scene: Scene, eye, turn, focal: float, shape=(24, 32)):
    scene.lamps.append([0.0, 0.3, 0.8, -0.5, 2.0, 2.0, 2.0, 0.05])
    light, depth = render.trace(scene, np.asarray(eye, float), turn, focal, shape)
    assert np.isfinite(light).all()
    assert (light >= 0).all()
    return depth


def rays(focal: float, shape=(24, 32)):
    height, width = shape
    y, x = np.mgrid[:height, :width]
    return (x + 0.5 - width / 2) / focal, (height / 2 - y - 0.5) / focal


def test_the_depth_of_the_ground_is_that_of_a_plane(bank):
    scene = Scene(np.random.default_rng(0), bank)
    scene.box((0, -0.5, 0), (5000, 0.5, 5000), materials.floor(scene))
    pitch, eye_height, focal = 0.3, 1.6, 20.0
    depth = depth_of(scene, (0, eye_height, 0), turned(0.7, pitch), focal)
    _, up = rays(focal)
    # A ray (x, up, 1) pitched down sinks by sin(pitch) - up * cos(pitch) per metre of depth.
    sinks = math.sin(pitch) - up * math.cos(pitch)
    seen = sinks > 0.01
    assert seen.mean() > 0.5
    np.testing.assert_allclose(depth[seen], eye_height / sinks[seen], rtol=1e-9)
    assert (depth[sinks < 0] >= FAR).all()


@pytest.mark.parametrize("kind", ["ball", "mesh"])
def test_the_depth_of_a_ball_is_that_of_a_sphere(bank, kind):
    scene = Scene(np.random.default_rng(0), bank)
    centre, radius, focal = np.array([0.1, -0.05, 4.0]), 1.2, 40.0
    if kind == "ball":
        scene.ball(centre, (radius,) * 3, materials.plastic(scene), turned(0.4, 0.2, 0.1))
    else:
        angle = np.linspace(-np.pi / 2, np.pi / 2, 200)
        points, faces, uv = lathe(radius * np.cos(angle), radius * np.sin(angle), 200)
        scene.mesh(points + centre, faces, materials.plastic(scene), uv)
    depth = depth_of(scene, (0, 0, 0), np.eye(3), focal)
    right, up = rays(focal)
    direction = np.stack([right, up, np.ones_like(up)], -1)
    a, b, c = (direction**2).sum(-1), direction @ centre, centre @ centre - radius**2
    root = b * b - a * c
    inside = root > 1e-2
    known = (b - np.sqrt(np.maximum(root, 0))) / a
    assert inside.sum() > 100
    np.testing.assert_allclose(depth[inside], known[inside], rtol=1e-9 if kind == "ball" else 1e-3)
    assert (depth[root < -1e-2] >= FAR).all()


def test_the_depth_of_a_tube_is_that_of_a_cylinder(bank):
    scene = Scene(np.random.default_rng(0), bank)
    scene.tube((0, -9, 3), (0, 9, 3), 0.5, materials.metal(scene))
    depth = depth_of(scene, (0, 0, 0), np.eye(3), 60.0)
    right, _ = rays(60.0)
    # In the plane of x and z: (t x)^2 + (t - 3)^2 = 0.25.
    root = 9 - (1 + right**2) * 8.75
    inside = root > 1e-3
    known = (3 - np.sqrt(np.maximum(root, 0))) / (1 + right**2)
    np.testing.assert_allclose(depth[inside], known[inside], rtol=1e-9)
    assert (depth[root < -1e-3] >= FAR).all()


def test_the_hierarchy_equals_a_linear_search(bank):
    rng = np.random.default_rng(5)
    scene = Scene(rng, bank)
    stuff = materials.plastic(scene)
    singles = []
    for _ in range(40):
        centre, half, turn = (
            rng.normal((0, 0, 8), 2),
            rng.uniform(0.1, 0.8, 3),
            turned(*rng.uniform(0, 6, 3)),
        )
        kind = ("box", "ball", "card")[rng.integers(3)]
        half = half[:2] if kind == "card" else half
        getattr(scene, kind)(centre, half, stuff, turn)
        alone = Scene(rng, bank)
        getattr(alone, kind)(centre, half, materials.plastic(alone), turn)
        singles.append(alone)
    eye, turn, shape = np.zeros(3), np.eye(3), (24, 32)
    together, nearest, depth = np.empty(shape), np.full(shape, FAR), np.empty(shape)
    shading.probe(scene.world(), eye, turn, 30.0, together)
    for alone in singles:
        shading.probe(alone.world(), eye, turn, 30.0, depth)
        nearest = np.minimum(nearest, depth)
    np.testing.assert_allclose(together, nearest, rtol=1e-9)
    assert (nearest < FAR).mean() > 0.3


def test_a_picture_depends_on_its_seed_and_number_only():
    first = render.render(3, 5, (32, 48))
    render.render(3, 6, (32, 48))
    render.expose.cache_clear()
    again, other, reprint = (
        render.render(3, 5, (32, 48)),
        render.render(3, 6, (32, 48)),
        render.render(3, 5, (32, 48), print_=1),
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.depth, again.depth)
    assert first.focal == again.focal
    assert (first.image != other.image).any()
    np.testing.assert_array_equal(reprint.depth, first.depth[:, ::-1])


@pytest.mark.parametrize("kind", [*render.kinds.TRAINING, *render.kinds.HELD_OUT])
def test_every_world_shows_something_at_several_depths(kind):
    picture = render.render(3, 11, (32, 48), kind)
    seen = picture.depth[np.isfinite(picture.depth)]
    assert picture.image.shape == (32, 48, 3)
    assert picture.image.std() > 3
    assert len(seen) > 0.15 * picture.depth.size
    assert (seen > 0).all()
    assert np.quantile(seen, 0.95) > 1.05 * np.quantile(seen, 0.05)


def test_training_refuses_the_seeds_of_the_evaluation():
    with pytest.raises(ValueError, match="belongs to the evaluation"):
        batch(0, seed=render.HELD_OUT_SEED + 1, size=2, shape=(32, 32))


def test_downsampling_takes_the_second_nearest_of_four():
    np.testing.assert_array_equal(
        halved(np.array([[1.0, 9, 3, np.inf], [5, 9, np.inf, np.inf]])), [[5, np.inf]]
    )
