"""The library of meshes and photographs: what is read, what is kept back, how textures are cut."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from training import library as making
from training.worlds import library, photographic

CUBE = """mtllib cube.mtl
v -1 0 -1
v 1 0 -1
v 1 2 -1
v -1 2 -1
v -1 0 1
v 1 0 1
v 1 2 1
v -1 2 1
usemtl red
f 1/1 4/2 3/3 2/4
f 5 6 7 8
usemtl blue
f 1 2 6 5
f -5 -1 -2 -6
f 1 5 8 4
f 2 3 7 6
"""
COLOURS = "newmtl red\nKd 1 0 0\nnewmtl blue\nNs 3\nKd 0 0 0.5\n"
ENTRIES = """name#1=Crate
model#1=/crate/cube.obj
width#1=40
depth#1=60
height#1=30
name#2=Door
model#2=/crate/cube.obj
width#2=90
depth#2=10
height#2=200
doorOrWindow#2=true
name#3=Tower
model#3=/crate/cube.obj
width#3=400
depth#3=400
height#3=9000
"""


@pytest.fixture
def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(making.CATALOGUE, ENTRIES)
        made.writestr("crate/cube.obj", CUBE)
        made.writestr("crate/cube.mtl", COLOURS)
    with zipfile.ZipFile(file) as opened:
        yield opened


def test_a_thing_has_the_catalogues_size_and_stands_on_the_floor(archive):
    ((name, size, corners, group, colours),) = making.things(archive)  # no door, nothing larger than a room
    assert name == "crate/cube.obj"
    np.testing.assert_allclose(size, (0.4, 0.3, 0.6), rtol=1e-6)
    assert corners.shape == (12, 3, 3)
    np.testing.assert_allclose(corners.reshape(-1, 3).min(0), (-0.2, 0, -0.3), atol=1e-6)
    assert sorted(np.bincount(group)) == [4, 8]
    np.testing.assert_allclose(colours[group[0]], (1, 0, 0))
    np.testing.assert_allclose(colours[group[-1]], (0, 0, 0.5**2.2), rtol=1e-5)


def test_the_triangles_of_a_closed_thing_face_outwards(archive):
    ((_, _, corners, _, _),) = making.things(archive)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outwards = corners.mean(1) - (0, 0.15, 0)
    assert ((flat * outwards).sum(-1) > 0).all()


def test_edges_of_a_cube_are_sharp_and_a_ball_is_smooth(archive):
    ((_, _, corners, _, _),) = making.things(archive)
    normals = library.normals(corners.astype(float))
    np.testing.assert_allclose(np.abs(normals).max(-1), 1, atol=1e-6)
    angle = np.linspace(0, 2 * np.pi, 41)
    ring = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], -1)
    upper = ring + np.array((0, 1, 0))
    tube = np.concatenate(
        [np.stack([ring[:-1], upper[:-1], ring[1:]], 1), np.stack([upper[:-1], upper[1:], ring[1:]], 1)]
    )
    np.testing.assert_allclose(np.abs(library.normals(tube) - tube * (1, 0, 1)).max(), 0, atol=0.08)


def test_what_is_kept_for_the_evaluation_is_never_picked_for_training(tmp_path, monkeypatch):
    names = [f"thing {k}" for k in range(60)]
    corners = np.zeros((60, 3, 3), np.float32)
    corners[:, 1, 0] = corners[:, 2, 1] = 0.2
    np.savez(
        tmp_path / library.MESHES,
        names=np.array(names),
        sizes=np.full((60, 3), 0.2),
        first=np.arange(61),
        corners=corners,
        group=np.zeros(60, np.int16),
        colours=np.full((60, 3), 0.5, np.float32),
        first_colour=np.arange(61),
    )
    found = library.Meshes(tmp_path / library.MESHES)
    rng = np.random.default_rng(0)
    training = {found.pick(rng, "small", held_out=False).name for _ in range(400)}
    evaluation = {found.pick(rng, "small", held_out=True).name for _ in range(400)}
    assert training | evaluation == set(names)
    assert not training & evaluation
    assert found.pick(rng, "large", held_out=False) is None


def test_patches_tile_and_grain_weighs_two_colours():
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (90, 130, 3), dtype=np.uint8)
    patch = photographic.patch(rng, photo)
    np.testing.assert_array_equal(patch[:, 0], patch[:, -1])
    np.testing.assert_array_equal(patch[0], patch[-1])
    grain = photographic.grain(rng, photo)
    np.testing.assert_allclose(grain.sum(-1), 1)
    assert grain[..., 1].std() > 0.1
    assert photographic.picture(rng, photo).shape == (256, 256, 3)


def test_a_photograph_is_shrunk_and_has_three_channels():
    file = io.BytesIO()
    Image.new("L", (3000, 1000), 90).save(file, "PNG")
    assert making.photograph(file.getvalue()) is None  # an even grey has nothing to show
