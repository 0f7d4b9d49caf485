"""The closer worlds: meshes among the primitives, photographers at a distance that fits the subject."""

from __future__ import annotations

import numpy as np
import pytest

from training.train import Settings
from training.worlds import close, kinds, library, render, shading, things
from training.worlds.library import Mesh
from training.worlds.scene import Scene, turned
from training.worlds.tracer import FAR

pytestmark = pytest.mark.drill  # Numba compiles the ray caster for a minute


@pytest.fixture(scope="module")
def bank():
    return render.bank(3, 0)


def crate(size) -> Mesh:
    half = np.asarray(size) / 2
    corners = []
    for axis in range(3):
        for side in (-1, 1):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            square = np.zeros((4, 3))
            square[:, axis] = side
            square[:, u], square[:, v] = (-1, 1, 1, -1), (-1, -1, 1, 1)
            corners += [square[[0, 1, 2]], square[[0, 2, 3]]]
    placed = np.array(corners) * half + (0, half[1], 0)
    return Mesh(
        "crate",
        np.asarray(size, float),
        placed,
        library.normals(placed),
        np.arange(12) // 6,
        np.full((2, 3), 0.3),
    )


def test_a_mesh_has_the_depth_of_the_box_that_it_is(bank):
    depths = []
    for as_mesh in (True, False):
        scene = Scene(np.random.default_rng(0), bank)
        with scene.at(0.2, -0.4, 3.0, yaw=0.5):
            if as_mesh:
                things.add_mesh(scene, crate((1.0, 0.8, 0.6)))
            else:
                scene.box((0, 0.4, 0), (0.5, 0.4, 0.3), things.stuff(scene, np.full(3, 0.3)))
        depth = np.empty((24, 32))
        shading.probe(scene.world(), np.zeros(3), np.eye(3), 30.0, depth)
        depths.append(depth)
    assert 0.1 < (depths[0] < FAR).mean() < 0.9
    np.testing.assert_allclose(*depths, rtol=1e-6)


@pytest.mark.parametrize("kind", close.FURTHER)
def test_every_closer_world_shows_something_at_several_depths(kind):
    picture = render.render(3, 11, (32, 48), kind)
    seen = picture.depth[np.isfinite(picture.depth)]
    assert picture.image.std() > 3
    assert len(seen) > 0.15 * picture.depth.size
    assert (seen > 0).all()
    assert np.quantile(seen, 0.95) > 1.02 * np.quantile(seen, 0.05)


def test_a_longer_lens_stands_further_away():
    rng = np.random.default_rng(0)
    views = [close.framed((0, 0.5, 0), 0.4, share=(0.5, 0.5), turn=0)(rng) for _ in range(50)]
    for view in views:
        far = np.hypot(*(np.array(view.eye) - (0, 0.5, 0))[[1, 2]])
        assert far == pytest.approx(max(0.25, view.focal * 0.8), rel=1e-6)
        ahead = turned(view.yaw, -view.pitch)[:, 2]
        towards = (np.array((0, 0.5, 0)) - view.eye) / far
        assert ahead @ towards > 0.9


def test_the_older_worlds_of_the_evaluation_do_not_depend_on_the_library(tmp_path, monkeypatch):
    def picture():
        for cached in (library.meshes, library.photographs, render.bank, render.expose):
            cached.cache_clear()
        return render.render(render.HELD_OUT_SEED + 1, 4, (32, 48), "workshop").image

    monkeypatch.setattr(library, "FOLDER", tmp_path)
    without = picture()
    photos = {f"{k}.jpg": np.random.default_rng(k).integers(0, 255, (60, 60, 3), np.uint8) for k in range(12)}
    np.savez(tmp_path / library.PHOTOGRAPHS, **photos)
    with_photographs = picture()
    assert library.photographs(held_out=True)
    np.testing.assert_array_equal(without, with_photographs)
    for cached in (library.meshes, library.photographs, render.bank, render.expose):
        cached.cache_clear()


def test_training_sees_every_kind_of_world_and_none_of_the_evaluations():
    assert sum(render.SHARES.values()) == pytest.approx(1)
    assert set(render.SHARES) == set(kinds.TRAINING) | set(close.FURTHER)
    assert Settings.seed < render.HELD_OUT_SEED
