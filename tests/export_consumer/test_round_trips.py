"""Every format read back by somebody else's reader and compared with the scene.

The tolerances here are the ones that docs/formats.md states. Node readers are installed by
`npm ci --ignore-scripts` in tests/export_consumer/readers; without them their tests are skipped and say so.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import gsply
import numpy as np
import pytest
import trimesh
from PIL import Image
from pxr import Usd, UsdGeom, UsdValidation, UsdVol

from export_consumer.formats import File
from export_consumer.frames import placed
from export_consumer.gaussians import Gaussians
from export_consumer.worker import convert
from tests.export_consumer.scenes import CAMERA, ply, scene

READERS = Path(__file__).parent / "readers"
MODULES = READERS / "node_modules"
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not MODULES.is_dir(),
    reason=f"needs Node and `npm ci --ignore-scripts` in {READERS.name}/",
)
SCENE = scene(48)


def made(name: str, **options: Any) -> File:
    return convert(name, options, ply(SCENE))


def transformed(file: File, name: str, folder: Path) -> Gaussians:
    """What splat-transform reads, by way of its CSV."""
    source, target = folder / name, folder / "read.csv"
    source.write_bytes(file.data)
    command = ["node", MODULES / "@playcanvas/splat-transform/bin/cli.mjs", "-q", "-w", source, target]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with target.open() as lines:
        head, *rows = csv.reader(lines)
    table = dict(zip(head, np.array(rows, np.float32).T, strict=True))

    def columns(stem: str, names: str) -> np.ndarray:
        return np.stack([table[stem + each] for each in names], axis=1)

    turns = columns("rot_", "0123")
    return Gaussians(
        columns("", "xyz"),
        columns("f_dc_", "012"),
        table["opacity"],
        columns("scale_", "012"),
        turns / np.linalg.norm(turns, axis=1, keepdims=True),
    )


def matched(found: Gaussians, wanted: Gaussians) -> Gaussians:
    """``found`` in the order of ``wanted``: formats may sort. Each nearest one must be another."""
    from scipy.spatial import cKDTree  # noqa: PLC0415

    _, order = cKDTree(found.positions).query(wanted.positions)
    assert len(set(order.tolist())) == wanted.size == found.size
    return found.part(order)


def compare(
    found: Gaussians,
    wanted: Gaussians,
    *,
    metres: float,
    color: float,
    opacity: float,
    scale: float,
    turn: float,
) -> None:
    """``scale`` is relative; ``turn`` in radians."""
    found = matched(found, wanted)
    assert np.abs(found.positions - wanted.positions).max() <= metres
    assert np.abs(found.positions.min(0) - wanted.positions.min(0)).max() <= metres
    assert np.abs(found.positions.max(0) - wanted.positions.max(0)).max() <= metres
    assert np.abs(found.colors - wanted.colors).max() <= color
    assert np.abs(found.opacities - wanted.opacities).max() <= opacity
    assert np.abs(found.log_scales - wanted.log_scales).max() <= np.log1p(scale)
    assert apart(found.quaternions, wanted.quaternions).max() <= turn


def apart(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The angle between two turns of an ellipsoid, which is the same after half a turn about its own axes."""
    w, x, y, z = right.astype(np.float64).T
    same = np.array([[w, x, y, z], [-x, w, z, -y], [-y, -z, w, x], [-z, y, -x, w]])
    alike = np.abs(np.einsum("ni,kin->kn", left, same)).max(axis=0)
    return 2 * np.arccos(np.clip(alike, 0, 1))


# name for the reader, format, tolerances: metres, colour and opacity of 1, relative scale, radians
SPLATS = [
    ("a.ply", "ply", (0, 1e-6, 1e-6, 1e-6, 1e-3)),
    ("a.compressed.ply", "ply_compressed", (2e-3, 5e-3, 5e-3, 5e-3, 5e-3)),
    ("a.splat", "splat", (0, 5e-3, 5e-3, 1e-5, 3e-2)),
    ("a.ksplat", "ksplat", (0, 5e-3, 5e-3, 1e-5, 1e-3)),
    ("a.spz", "spz", (2e-4, 1e-2, 5e-3, 4e-2, 6e-3)),
    ("a.sog", "sog", (1e-3, 2e-2, 5e-3, 4e-2, 2.5e-2)),
]


@needs_node
@pytest.mark.parametrize(("file", "name", "tolerances"), SPLATS, ids=[name for _, name, _ in SPLATS])
def test_splat_transform_reads(file: str, name: str, tolerances: tuple[float, ...], tmp_path: Path) -> None:
    names = ("metres", "color", "opacity", "scale", "turn")
    found = transformed(made(name), file, tmp_path)
    compare(found, SCENE.gaussians, **dict(zip(names, tolerances, strict=True)))


@needs_node
@pytest.mark.parametrize(("up", "unit"), [("y", "cm"), ("z", "m")])
def test_options_reach_the_file(up: str, unit: str, tmp_path: Path) -> None:
    found = transformed(made("ply", up=up, unit=unit, max_gaussians=1000), "a.ply", tmp_path)
    assert found.size == 1000
    wanted = placed(SCENE.gaussians, up=up, unit=unit)
    left = {tuple(position) for position in wanted.positions.tolist()}
    assert all(tuple(position) in left for position in found.positions.tolist())


def test_gsply_reads_the_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(made("ply").data)
    found = gsply.plyread(str(path))
    np.testing.assert_array_equal(found.means, SCENE.gaussians.positions)
    np.testing.assert_array_equal(found.scales, SCENE.gaussians.log_scales)
    np.testing.assert_array_equal(found.quats, SCENE.gaussians.quaternions)


def gltf_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def accessor(document: dict[str, Any], body: bytes, number: int) -> np.ndarray:
    each = document["accessors"][number]
    view = document["bufferViews"][each["bufferView"]]
    kind = {5126: "<f4", 5121: "u1", 5125: "<u4"}[each["componentType"]]
    flat = np.frombuffer(
        body,
        kind,
        each["count"] * {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[each["type"]],
        view["byteOffset"],
    )
    return flat.reshape(each["count"], -1)


def test_glb_holds_the_gaussians() -> None:
    document, body = gltf_of(made("glb").data)
    (primitive,) = document["meshes"][0]["primitives"]
    attributes = {
        name.removeprefix("KHR_gaussian_splatting:"): accessor(document, body, number)
        for name, number in primitive["attributes"].items()
    }
    opacity = attributes["OPACITY"][:, 0].astype(np.float64)
    found = Gaussians(
        attributes["POSITION"],
        attributes["SH_DEGREE_0_COEF_0"],
        np.log(opacity / (1 - opacity)).astype(np.float32),
        np.log(attributes["SCALE"]),
        np.roll(attributes["ROTATION"], 1, axis=1),
    )
    wanted = placed(SCENE.gaussians, up="y", unit="m")
    compare(found, wanted, metres=0, color=1e-6, opacity=1e-6, scale=1e-5, turn=2e-3)
    red = SCENE.gaussians.colors[:, 0].astype(np.float64)
    light = np.where(red <= 0.04045, red / 12.92, ((red + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(attributes["COLOR_0"][:, 0] / 255, light, atol=0.5 / 255 + 1e-6)


@needs_node
@pytest.mark.parametrize("name", ["glb", "glb_mesh", "gltf"])
def test_gltf_validator_agrees(name: str, tmp_path: Path) -> None:
    script, file = READERS / "validate.mjs", tmp_path / f"a.{name}"
    file.write_bytes(made(name).data)
    done = subprocess.run(["node", script, file], check=True, capture_output=True, text=True, timeout=120)
    # It does not know the ratified splat extension yet: of its attributes alone it may complain.
    issues = [each for each in json.loads(done.stdout) if each["severity"] < 2]
    unknown = [each for each in issues if "KHR_gaussian" not in each["message"] + each["pointer"]]
    assert unknown == []


@pytest.mark.parametrize(("up", "unit", "metres"), [("y", "m", 1.0), ("z", "cm", 0.01)])
def test_usd_validates_and_holds_the_gaussians(up: str, unit: str, metres: float, tmp_path: Path) -> None:
    path = tmp_path / "a.usdz"
    path.write_bytes(made("usdz", up=up, unit=unit).data)
    assert all(info.compress_type == zipfile.ZIP_STORED for info in zipfile.ZipFile(path).infolist())
    stage = Usd.Stage.Open(str(path))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [error.GetErrorAsString() for error in errors] == []
    assert (UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)) == (up.upper(), metres)
    field = UsdVol.ParticleField3DGaussianSplat(stage.GetPrimAtPath("/scene/splats"))
    opacity = np.array(field.GetOpacitiesAttr().Get(), np.float64)
    turns = [(q.GetReal(), *q.GetImaginary()) for q in field.GetOrientationsAttr().Get()]
    found = Gaussians(
        np.array(field.GetPositionsAttr().Get()),
        np.array(field.GetRadianceSphericalHarmonicsCoefficientsAttr().Get()),
        np.log(opacity / (1 - opacity)).astype(np.float32),
        np.log(np.array(field.GetScalesAttr().Get())),
        np.array(turns, np.float32),
    )
    wanted = placed(SCENE.gaussians, up=up, unit=unit)
    compare(found, wanted, metres=0, color=1e-6, opacity=1e-6, scale=1e-5, turn=2e-3)


def front() -> np.ndarray:
    """The front layer in glTF's frame, metres."""
    g = placed(SCENE.gaussians, up="y", unit="m")
    return g.positions[: g.size // 2]


def check_surface(mesh: trimesh.Trimesh, points: np.ndarray, unit: float) -> None:
    """Bounds within half a Gaussian of the front layer, every vertex near it, and faces to the camera."""
    cell = float(np.exp(SCENE.gaussians.log_scales).max()) * unit
    np.testing.assert_allclose(mesh.bounds, [points.min(0), points.max(0)], atol=3 * cell)
    from scipy.spatial import cKDTree  # noqa: PLC0415

    away, _ = cKDTree(points).query(mesh.vertices)
    assert away.max() < 4 * cell
    towards = (mesh.face_normals * -mesh.triangles_center).sum(axis=1)  # the camera is the origin
    assert (towards > 0).mean() > 0.97


@pytest.mark.parametrize("name", ["glb_mesh", "gltf"])
def test_trimesh_reads_gltf(name: str) -> None:
    file = made(name, max_triangles=20_000)
    loaded = trimesh.load(io.BytesIO(file.data), file_type=file.suffix[1:])
    (mesh,) = loaded.geometry.values()
    assert len(mesh.faces) <= 20_000
    check_surface(mesh, front(), 1.0)
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), np.float64) / 255
    check_colors(mesh, texture)


def check_colors(mesh: trimesh.Trimesh, texture: np.ndarray) -> None:
    """Red grows to the right and green downwards: the texture is neither mirrored nor upside down."""
    height, width, _ = texture.shape
    places = np.asarray(mesh.visual.uv)  # trimesh turns them: from the lower left
    columns = np.clip((places[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip(((1 - places[:, 1]) * height).astype(int), 0, height - 1)
    colors, (x, y, z) = texture[rows, columns], np.asarray(mesh.vertices).T
    red = (x / -z * CAMERA.focal_px / CAMERA.width + 0.5) * 0.8 + 0.1
    green = (y / z * CAMERA.focal_px / CAMERA.height + 0.5) * 0.8 + 0.1
    assert np.quantile(np.abs(colors[:, 0] - red), 0.95) < 0.06
    assert np.quantile(np.abs(colors[:, 1] - green), 0.95) < 0.06


def test_trimesh_reads_obj(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(made("obj", max_triangles=20_000).data)) as folder:
        assert sorted(folder.namelist()) == ["scene.jpg", "scene.mtl", "scene.obj"]
        folder.extractall(tmp_path)
    mesh = trimesh.load(tmp_path / "scene.obj", force="mesh")
    check_surface(mesh, front(), 1.0)
    check_colors(mesh, np.asarray(Image.open(tmp_path / "scene.jpg"), np.float64) / 255)


def test_trimesh_reads_stl() -> None:
    mesh = trimesh.load(io.BytesIO(made("stl", max_triangles=20_000).data), file_type="stl")
    points = placed(SCENE.gaussians, up="z", unit="mm").positions[: SCENE.gaussians.size // 2]
    check_surface(mesh, points, 1000.0)


def test_fbx_is_in_centimetres_and_carries_its_texture() -> None:
    data = made("fbx", max_triangles=20_000).data
    assert data.startswith(b"Kaydara FBX Binary  \0")
    assert b"\xff\xd8\xff" in data  # the JPEG itself
    unit = data.index(b"UnitScaleFactor")
    assert struct.unpack_from("<d", data, data.index(b"D", unit + 40) + 1) == (1.0,)


def test_png_shows_the_scene() -> None:
    picture = Image.open(io.BytesIO(made("png", size=256).data))
    assert picture.size == (256, 192)
    pixels = np.asarray(picture, np.float64) / 255
    u, v = (np.arange(256) + 0.5) / 256, (np.arange(192) + 0.5) / 192
    middle = np.s_[16:-16, 16:-16]
    assert np.abs(pixels[..., 0] - (u * 0.8 + 0.1))[middle].mean() < 0.03
    assert np.abs(pixels[..., 1] - (v * 0.8 + 0.1)[:, None])[middle].mean() < 0.03


def test_mp4_is_one_video_track() -> None:
    data = made("mp4", size=128, seconds=1, fps=10).data
    assert data[4:12] == b"ftypisom"
    assert b"vide" in data
    assert b"av01" in data
    assert data.count(b"hdlr", data.index(b"moov")) == 1
    av = pytest.importorskip("av", reason="PyAV, which reads the video back, carries GPL libraries: by hand")
    with av.open(io.BytesIO(data)) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 10
    assert frames[0].shape == (96, 128, 3)
    assert np.abs(frames[0].astype(int) - frames[3]).mean() > 0.2  # the camera moves
