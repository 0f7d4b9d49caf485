"""Every mesh format, read back by a third-party reader and compared with the front of the scene."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import trimesh
from PIL import Image

from export_consumer import assimp, mesh
from export_consumer.coordinate_frames import TURNS, UNITS, placed
from export_consumer.formats import load
from export_consumer.worker import convert
from tests.export_consumer import foreign
from tests.export_consumer.foreign import Read, needs_node
from tests.export_consumer.scenes import CAMERA, ply, scene

SCENE: Final = scene(48)
TRIANGLES: Final = 5000
CELL: Final = float(np.exp(SCENE.gaussians.log_scales).max())
"""The largest Gaussian, metres."""


@pytest.fixture(scope="module", autouse=True)
def _coarse() -> Iterator[None]:
    """Use a coarse grid: 64 x 48 Gaussians gain nothing from a grid of 768, which takes 5 s a mesh."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh, "GRID", 128)
        patch.setattr(mesh, "TEXTURE", 256)
        yield


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    """Return a file of every mesh format with its own axes and unit."""
    names = ("glb_mesh", "gltf", "obj", "fbx", "stl")
    return {name: convert(name, {"max_triangles": TRIANGLES}, ply(SCENE)).data for name in names}


@pytest.fixture(scope="module")
def read(made: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Read the files that Node supports."""
    readers = {"glb_mesh": "gltf", "gltf": "gltf", "fbx": "fbx"}
    files = {f"{name}{load(name).suffix}": (reader, made[name]) for name, reader in readers.items()}
    return foreign.read(tmp_path_factory.mktemp("surfaces"), files)


def check_surface(vertices: np.ndarray, triangles: np.ndarray, *, up: str, unit: str) -> None:
    """Check bounds, distance of vertices to the front layer, camera-facing triangles, and no duplicates."""
    front = SCENE.gaussians.positions[: SCENE.gaussians.size // 2]
    from scipy.spatial import cKDTree  # noqa: PLC0415

    # Back to the camera's axes and metres, by the inverse of what docs/formats.md says.
    vertices = np.asarray(vertices, np.float64) @ np.array(TURNS[up].matrix) / UNITS[unit]
    np.testing.assert_allclose(
        [vertices.min(0), vertices.max(0)], [front.min(0), front.max(0)], atol=3 * CELL
    )
    away, _ = cKDTree(front).query(vertices)
    assert away.max() < 4 * CELL
    assert np.median(away) < 0.6 * CELL
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normals * corners.mean(axis=1)).sum(axis=1) < 0).mean() > 0.97
    alike = np.sort(corners.round(6).view("f8,f8,f8")[..., 0], axis=1)  # each triangle's corners in one order
    assert len(np.unique(alike, axis=0)) == len(triangles)
    assert 0.9 * TRIANGLES < len(triangles) <= TRIANGLES


def check_colors(vertices: np.ndarray, texture_coords: np.ndarray, texture: Image.Image) -> None:
    """Check that red grows to the right, green downwards and blue with the depth.

    ``vertices`` are in glTF's axes and metres; ``texture_coords`` count from the upper left corner.
    """
    pixels = np.asarray(texture.convert("RGB"), np.float64) / 255
    height, width, _ = pixels.shape
    columns = np.clip((texture_coords[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip((texture_coords[:, 1] * height).astype(int), 0, height - 1)
    x, y, z = np.asarray(vertices, np.float64).T
    red = x / -z * CAMERA.focal_px / CAMERA.width + 0.5
    green = y / z * CAMERA.focal_px / CAMERA.height + 0.5
    wanted = np.stack([red, green, -z / 5], axis=1) * 0.8 + 0.1
    wrong = np.abs(pixels[rows, columns] - wanted)
    assert (np.quantile(wrong, 0.95, axis=0) < [0.06, 0.06, 0.06]).all()


@pytest.mark.parametrize("name", ["glb_mesh", "gltf"])
def test_trimesh_reads_gltf(name: str, made: dict[str, bytes]) -> None:
    loaded = trimesh.load(io.BytesIO(made[name]), file_type=load(name).suffix[1:], process=False)
    (found,) = loaded.geometry.values()
    check_surface(found.vertices, found.faces, up="y", unit="m")
    texture_coords = np.asarray(found.visual.uv) * [1, -1] + [0, 1]  # trimesh counts from the lower left
    check_colors(found.vertices, texture_coords, found.visual.material.baseColorTexture)


@needs_node
@pytest.mark.parametrize("name", ["glb_mesh.glb", "gltf.gltf"])
def test_the_gltf_validator_reports_no_issue(name: str, read: dict[str, Read]) -> None:
    assert read[name].report["issues"] == []
    assert read[name].report["mode"] == 4  # triangles


def test_trimesh_reads_obj(made: dict[str, bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(made["obj"])) as folder:
        assert sorted(folder.namelist()) == ["scene.jpg", "scene.mtl", "scene.obj"]
        folder.extractall(tmp_path)
    found = trimesh.load(tmp_path / "scene.obj", force="mesh", process=False)
    check_surface(found.vertices, found.faces, up="y", unit="m")
    texture_coords = np.asarray(found.visual.uv) * [1, -1] + [0, 1]
    check_colors(found.vertices, texture_coords, found.visual.material.image)


def test_trimesh_reads_stl(made: dict[str, bytes]) -> None:
    found = trimesh.load(io.BytesIO(made["stl"]), file_type="stl", process=False)
    check_surface(found.vertices, found.faces, up="z", unit="mm")
    normals = np.frombuffer(made["stl"][84:], np.dtype([("n", "<f4", 3), ("rest", "V38")]))["n"]
    whole = np.linalg.norm(normals, axis=1) > 0
    agree = (found.face_normals[-whole.sum() :] * normals[whole][-len(found.face_normals) :]).sum(axis=1)
    assert agree.min() > 0.999


@needs_node
def test_three_reads_fbx(read: dict[str, Read]) -> None:
    found = read["fbx.fbx"]
    assert found.report["unit"] == 1  # centimetres
    vertices = found.arrays["position"].reshape(-1, 3)
    check_surface(vertices, np.arange(len(vertices)).reshape(-1, 3), up="y", unit="cm")
    texture_coords = found.arrays["uv"].reshape(-1, 2) * [1, -1] + [0, 1]
    check_colors(vertices / 100, texture_coords, Image.open(f"{found.path}.jpg"))


@pytest.mark.parametrize(
    ("name", "up", "unit"), [("fbx", "y", "cm"), ("glb_mesh", "y", "m"), ("stl", "z", "mm")]
)
def test_assimp_reads_the_meshes(name: str, up: str, unit: str, made: dict[str, bytes]) -> None:
    again = assimp.convert(made[name], load(name).suffix[1:], "stlb")
    found = trimesh.load(io.BytesIO(again), file_type="stl", process=False)
    check_surface(found.vertices, found.faces, up=up, unit=unit)


def vertices_of(name: str, **options: Any) -> np.ndarray:
    """Return the corners of an .obj's or an .stl's triangles, (T, 3, 3)."""
    data = convert(name, options, ply(SCENE)).data
    if name == "obj":
        data = zipfile.ZipFile(io.BytesIO(data)).read("scene.obj")
    return np.asarray(trimesh.load(io.BytesIO(data), file_type=name, force="mesh", process=False).triangles)


@pytest.mark.parametrize("name", ["obj", "stl"])
def test_the_up_and_unit_options_are_applied(name: str) -> None:
    stored = vertices_of(name, max_triangles=2000, up="-y", unit="m")
    found = vertices_of(name, max_triangles=2000, up="z", unit="in")
    wanted = stored @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]).T / 0.0254
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_the_budget_depth_cut_and_pruning_options_are_applied() -> None:
    whole = vertices_of("stl", unit="m", max_triangles=2_000_000)
    for budget in (100, 5000):
        assert 0.5 * budget < len(vertices_of("stl", unit="m", max_triangles=budget)) <= budget
    finer = vertices_of("stl", unit="m", max_triangles=2_000_000, depth_cut=0.002)
    assert len(finer) < 0.9 * len(whole)
    for triangles, cut in ((whole, 0.04), (finer, 0.002)):
        depths = triangles[..., 1]  # z is up: forward is y
        assert (depths.max(axis=1) / depths.min(axis=1) - 1).max() <= cut * 1.001
    fewer = vertices_of("stl", unit="m", max_triangles=2_000_000, max_gaussians=500)
    assert 0 < len(fewer) < 0.9 * len(whole)


def test_the_scene_has_no_mirror_symmetry() -> None:
    """Mirrored along any axis, the positions differ, so a mirrored export fails the other tests."""
    g = placed(SCENE.gaussians, up="y", unit="m").positions
    for axis in range(3):
        mirrored = g * np.where(np.arange(3) == axis, -1, 1)
        assert np.abs(np.sort(g[:, axis]) - np.sort(mirrored[:, axis])).max() > 0.07
