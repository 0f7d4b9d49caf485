"""Every splat format, read back by a third-party reader and compared Gaussian by Gaussian.

The scene has no symmetry, so no axis, colour channel or part of a rotation can be confused with another. The
tolerances are read from docs/formats.md.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any, Final

import gaussforge
import gsply
import numpy as np
import pytest
import trimesh
from pxr import Usd, UsdGeom, UsdValidation, UsdVol

from bus.contract.format_catalogue import FACTS, Kind
from bus.contract.options import OPTIONS
from bus.contract.splat import PROPERTIES
from export_consumer.coordinate_frames import UNITS, placed
from export_consumer.formats import load
from export_consumer.gaussians import Gaussians, pruned
from export_consumer.worker import convert
from tests.export_consumer import foreign
from tests.export_consumer.foreign import Read, compare, needs_node
from tests.export_consumer.scenes import CAMERA, ply, scene

SCENE: Final = scene(48)
WITHIN: Final = foreign.tolerances()
BY_PLAYCANVAS: Final = ("ply", "ply_compressed", "splat", "ksplat", "spz", "sog")
PLAIN: Final[dict[str, Any]] = {}
ALL: Final[dict[str, Any]] = {"max_gaussians": 1000, "min_opacity": 0.7, "up": "z", "unit": "cm"}
"""All options of splat formats at once."""
GLB: Final = "KHR_gaussian_splatting"


def asked(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the format has."""
    return {option.name: options[option.name] for option in OPTIONS[name] if option.name in options}


def file_of(name: str, options: dict[str, Any]) -> str:
    suffix = ".compressed.ply" if name == "ply_compressed" else load(name).suffix
    return f"{name}{len(options)}{suffix}"


def made(name: str, options: dict[str, Any]) -> bytes:
    return convert(name, asked(name, options), ply(SCENE)).data


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Read every splat file that Node reads, by one process."""
    files = {
        file_of(name, options): ("gltf" if name == "glb" else "splat", made(name, options))
        for name in (*BY_PLAYCANVAS, "glb")
        for options in (PLAIN, ALL)
    }
    return foreign.read(tmp_path_factory.mktemp("splats"), files)


def left(options: dict[str, Any]) -> Gaussians:
    """Return the Gaussians that the options leave. The tests of `pruned` check which they are."""
    most, least = options.get("max_gaussians"), options.get("min_opacity", 0)
    return pruned(SCENE.gaussians, most=most, min_opacity=least)


def test_the_documentation_states_a_tolerance_for_every_splat_format() -> None:
    splats = {name for name, facts in FACTS.items() if facts.kind is Kind.SPLAT}
    assert WITHIN.keys() == splats


@needs_node
@pytest.mark.parametrize("options", [PLAIN, ALL], ids=["plain", "options"])
@pytest.mark.parametrize("name", BY_PLAYCANVAS)
def test_splat_transform_reads_the_splats(name: str, options: dict[str, Any], read: dict[str, Read]) -> None:
    up, unit = options.get("up", "-y"), options.get("unit", "m")
    wanted = placed(left(options), up=up, unit=unit)
    if name == "spz" and options:
        wanted = placed(wanted, up="y", unit="m")  # it assumes y up for every .spz, and rotates it back
    compare(read[file_of(name, options)].gaussians(), wanted, WITHIN[name], unit=UNITS[unit])


@needs_node
@pytest.mark.parametrize("options", [PLAIN, ALL], ids=["plain", "options"])
def test_gltf_transform_reads_the_splats(options: dict[str, Any], read: dict[str, Read]) -> None:
    found = read[file_of("glb", options)]
    assert found.report["mode"] == 0  # points
    arrays = {name.removeprefix(f"{GLB}."): values for name, values in found.arrays.items()}
    columns = [
        arrays["POSITION"].reshape(-1, 3),
        arrays["SH_DEGREE_0_COEF_0"].reshape(-1, 3),
        logits(arrays["OPACITY"])[:, None],
        np.log(arrays["SCALE"]).reshape(-1, 3),
        np.roll(arrays["ROTATION"].reshape(-1, 4), 1, axis=1),
    ]
    wanted = placed(left(options), up="y", unit="m")
    gaussians = foreign.gaussians_of(np.concatenate(columns, axis=1))
    compare(gaussians, wanted, WITHIN["glb"])
    # The fallback for readers without the extension: linear light, as in glTF; both have the same order.
    srgb = gaussians.colors.astype(np.float64)
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    fallback = np.concatenate([light, gaussians.opacities[:, None]], axis=1)
    np.testing.assert_allclose(arrays["COLOR_0"].reshape(-1, 4), fallback, atol=0.5 / 255 + 1e-6)


@needs_node
def test_the_gltf_validator_reports_only_the_extension(read: dict[str, Read]) -> None:
    """Khronos' validator does not know the ratified extension yet, and reports only its attributes."""
    issues = read[file_of("glb", PLAIN)].report["issues"]
    assert {(each["code"], GLB in each["pointer"]) for each in issues} <= {
        ("MESH_PRIMITIVE_INVALID_ATTRIBUTE", True)
    }


def logits(opacities: np.ndarray) -> np.ndarray:
    exact = np.asarray(opacities, np.float64)
    return np.log(exact / (1 - exact)).astype(np.float32)


def test_gsply_reads_the_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(made("ply", PLAIN))
    found = gsply.plyread(str(path))
    np.testing.assert_array_equal(found.means, SCENE.gaussians.positions)
    np.testing.assert_array_equal(found.scales, SCENE.gaussians.log_scales)
    np.testing.assert_array_equal(found.quats, SCENE.gaussians.quaternions)


def test_gaussforge_reads_sog() -> None:
    again = gaussforge.GaussForge().convert(made("sog", PLAIN), "sog", "ply")
    body = bytes(again["data"])
    fields = re.findall(rb"property float (\w+)", body)
    rows = np.frombuffer(body, "<f4", offset=body.index(b"end_header\n") + 11).reshape(-1, len(fields))
    columns = [fields.index(name.encode()) for name in PROPERTIES]
    compare(foreign.gaussians_of(rows[:, columns]), SCENE.gaussians, WITHIN["sog"])


def test_trimesh_reads_every_element_of_sharps_file() -> None:
    found = trimesh.load(io.BytesIO(made("ply_sharp", {"min_opacity": 0.7})), file_type="ply")
    elements = found.metadata["_ply_raw"]
    vertex = elements.pop("vertex")["data"]
    rows = np.stack([vertex[name] for name in vertex.dtype.names], axis=1)
    compare(foreign.gaussians_of(rows), left({"min_opacity": 0.7}), WITHIN["ply_sharp"])
    values = {name: element["data"][name].ravel() for name, element in elements.items()}
    focal, width, height = CAMERA
    np.testing.assert_array_equal(values["extrinsic"], np.eye(4).ravel())
    np.testing.assert_array_equal(values["intrinsic"], [focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1])
    np.testing.assert_array_equal(values["image_size"], [width, height])
    np.testing.assert_array_equal(values["frame"], [1, len(rows)])
    np.testing.assert_allclose(values["disparity"], np.quantile(1 / rows[:, 2], [0.1, 0.9]), rtol=1e-6)
    np.testing.assert_array_equal(values["color_space"], [0])
    np.testing.assert_array_equal(values["version"], [1, 5, 0])


@pytest.mark.parametrize("options", [PLAIN, ALL], ids=["plain", "options"])
def test_usd_validates_and_holds_the_gaussians(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.usdz"
    path.write_bytes(made("usdz", options))
    assert all(info.compress_type == zipfile.ZIP_STORED for info in zipfile.ZipFile(path).infolist())
    stage = Usd.Stage.Open(str(path))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [error.GetErrorAsString() for error in errors] == []
    up, unit = options.get("up", "y"), options.get("unit", "m")
    assert UsdGeom.GetStageUpAxis(stage) == up.upper()
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1 / UNITS[unit]
    field = UsdVol.ParticleField3DGaussianSplat(stage.GetPrimAtPath("/scene/splats"))
    turns = [(q.GetReal(), *q.GetImaginary()) for q in field.GetOrientationsAttr().Get()]
    columns = [
        np.array(field.GetPositionsAttr().Get()),
        np.array(field.GetRadianceSphericalHarmonicsCoefficientsAttr().Get()),
        logits(field.GetOpacitiesAttr().Get())[:, None],
        np.log(np.array(field.GetScalesAttr().Get())),
        np.array(turns, np.float32),
    ]
    wanted = placed(left(options), up=up, unit=unit)
    compare(foreign.gaussians_of(np.concatenate(columns, axis=1)), wanted, WITHIN["usdz"], unit=UNITS[unit])
