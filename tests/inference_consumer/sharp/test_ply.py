"""Writing and reading files, in both layouts and the earlier ones."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from inference_consumer.sharp import Camera, Gaussians, PlyError, encode_ply, read_ply, write_ply
from inference_consumer.sharp.camera import CPU_CHUNK
from inference_consumer.sharp.ply import VERTEX

CAMERA = Camera(600.5, 720, 480)


def metric(count: int) -> Gaussians:
    generator = torch.Generator().manual_seed(3)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    quaternions = torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=1)
    means = torch.cat([uniform(count, 2) - 0.5, 1 + 9 * uniform(count, 1)], dim=1)
    return Gaussians(
        means, 1e-4 + uniform(count, 3), quaternions, uniform(count, 3), uniform(count) * 0.98 + 0.01
    )


def legacy(*elements: tuple[str, str, np.ndarray]) -> bytes:
    """Return a file of one vertex of zeros and the given elements."""
    lines = ["ply", "format binary_little_endian 1.0", "element vertex 1"]
    lines += [f"property float {name}" for name in VERTEX]
    for name, kind, values in elements:
        lines += [f"element {name} {len(values)}", f"property {kind} {name}"]
    body = b"".join(values.tobytes() for _, _, values in elements)
    return "\n".join([*lines, "end_header", ""]).encode() + bytes(4 * len(VERTEX)) + body


@pytest.mark.parametrize("sharp_elements", [False, True])
@pytest.mark.parametrize("count", [0, 1, 1000, CPU_CHUNK + 5])
def test_round_trip(sharp_elements: bool, count: int) -> None:
    gaussians = metric(count)
    scene = read_ply(encode_ply(gaussians, CAMERA, sharp_elements=sharp_elements))
    for name, want, got in zip(Gaussians._fields, gaussians, scene.gaussians, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6, err_msg=name)
    assert scene.camera == CAMERA
    np.testing.assert_array_equal(scene.extrinsic, np.eye(4))


def test_sharp_elements() -> None:
    gaussians = metric(1000)
    elements = read_ply(encode_ply(gaussians, CAMERA, sharp_elements=True)).elements
    assert list(elements) == [
        *("vertex", "extrinsic", "intrinsic", "image_size", "frame", "disparity", "color_space", "version")
    ]
    np.testing.assert_array_equal(elements["intrinsic"], np.float32([600.5, 0, 360, 0, 600.5, 240, 0, 0, 1]))
    np.testing.assert_array_equal(elements["frame"], [1, 1000])
    np.testing.assert_allclose(
        elements["disparity"], np.quantile(1 / gaussians.means[:, 2].double(), [0.1, 0.9]), rtol=1e-6
    )
    assert elements["color_space"].tolist() == [0]
    assert elements["version"].tolist() == [1, 5, 0]


def test_size_of_a_photo_of_the_published_model() -> None:
    count = 1_179_648
    one = torch.ones(1)
    gaussians = Gaussians(*(one.expand(count, width) for width in (3, 3, 4, 3)), one.expand(count) / 2)
    assert len(encode_ply(gaussians, CAMERA, sharp_elements=True)) == 66_061_086


def test_plain_file_is_an_ordinary_ply(tmp_path: Path) -> None:
    gaussians = metric(500)
    size = write_ply(gaussians, CAMERA, tmp_path / "splat.ply")
    data = (tmp_path / "splat.ply").read_bytes()
    assert size == len(data)
    assert data.count(b"element ") == 1
    cloud = trimesh.load(io.BytesIO(data), file_type="ply")
    np.testing.assert_allclose(cloud.vertices, gaussians.means, rtol=1e-6)
    np.testing.assert_array_equal(read_ply(tmp_path / "splat.ply").gaussians.means, gaussians.means)


def test_saturated_opacities_are_finite() -> None:
    gaussians = metric(4)._replace(opacities=torch.tensor([0.0, 1.0, 1e-38, 1 - 2.0**-24]))
    vertex = read_ply(encode_ply(gaussians, CAMERA)).elements["vertex"]
    assert np.isfinite(vertex["opacity"]).all()
    assert vertex["opacity"].argmin() == 0
    np.testing.assert_allclose(vertex["opacity"][[1, 3]], np.log(2**24 - 1), rtol=1e-6)


def test_non_contiguous_tensors_are_encoded_alike() -> None:
    rows = metric(300)
    columns = Gaussians(*(field.t().contiguous().t() for field in rows))
    a, b = (read_ply(encode_ply(g, CAMERA)).elements["vertex"] for g in (rows, columns))
    for name in VERTEX:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-6, atol=1e-6)


def test_a_file_with_nothing_else_is_linear_with_a_default_camera() -> None:
    scene = read_ply(legacy())
    np.testing.assert_array_equal(scene.gaussians.colors, [[0.5, 0.5, 0.5]])
    assert scene.camera == Camera(512.0, 640, 480)
    np.testing.assert_array_equal(scene.extrinsic, np.eye(4))


@pytest.mark.parametrize(("space", "color"), [(0, ((0.5 + 0.055) / 1.055) ** 2.4), (1, 0.5)])
def test_color_space(space: int, color: float) -> None:
    scene = read_ply(legacy(("color_space", "uchar", np.array([space], "u1"))))
    np.testing.assert_allclose(scene.gaussians.colors, [[color] * 3], rtol=1e-6)


def test_four_intrinsics_and_twelve_extrinsics() -> None:
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], "f4")
    stored = np.concatenate([turn.T, np.array([[1], [2], [3]], "f4")], axis=1).ravel()
    intrinsic = np.array([700, 701, 1024, 768], "f4")
    scene = read_ply(legacy(("extrinsic", "float", stored), ("intrinsic", "float", intrinsic)))
    assert scene.camera == Camera(700.0, 1024, 768)
    np.testing.assert_array_equal(scene.extrinsic[:3, :3], turn)
    np.testing.assert_array_equal(scene.extrinsic[:, 3], [1, 2, 3, 1])


def test_nine_intrinsics_without_a_size() -> None:
    intrinsic = np.array([700, 0, 512, 0, 700, 384, 0, 0, 1], "f4")
    assert read_ply(legacy(("intrinsic", "float", intrinsic))).camera == Camera(700.0, 1024, 768)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no .ply header"),
        (b"ply\nformat binary_little_endian 1.0\n", "no .ply header"),
        (b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", "only binary_little_endian"),
        (b"ply\nend_header\n", "only binary_little_endian"),
        (b"ply\nformat binary_little_endian 1.0\nelement vertex x\nend_header\n", "element vertex x"),
        (b"ply\nformat binary_little_endian 1.0\nelement vertex 5\nend_header\n", "has no properties"),
        (legacy().replace(b"float rot_3", b"float rot_2"), "twice"),
        (legacy().replace(b"property float rot_3\n", b""), "needs the properties"),
        (legacy().replace(b"property float rot_3", b"property list uchar int rot_3"), "only scalars"),
        (legacy().replace(b"vertex 1\n", b"vertex 2\n"), "cut short inside vertex"),
        (legacy().replace(b"vertex 1\n", b"vertex -1\n"), "element vertex -1"),
        (legacy(("extrinsic", "float", np.zeros(5, "f4"))), "extrinsic"),
        (legacy(("color_space", "uchar", np.zeros(0, "u1"))), "color_space"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(PlyError, match=message):
        read_ply(data)
