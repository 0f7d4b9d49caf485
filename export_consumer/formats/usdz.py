"""Splats in OpenUSD: a ParticleField3DGaussianSplat in a .usdc, alone in an uncompressed .usdz.

USD states its axis and its unit in the stage, so these options are exact, not conventions.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import replace
from pxr import Gf, Sdf, Tf, Usd, UsdGeom, UsdUtils, UsdVol, Vt

from export_consumer.common_options import FEWER, UNIT, UP
from export_consumer.coordinate_frames import UNITS, placed
from export_consumer.errors import ConverterError
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Gaussians, Scene

_SIGMAS: Final = 3
"""The extent of a Gaussian in standard deviations: beyond it its density is below 1/90 of the maximum."""


def _write(scene: Scene, options: Chosen) -> bytes:
    up, unit = options["up"], options["unit"]
    with tempfile.TemporaryDirectory() as folder:
        layer, package = str(Path(folder, "scene.usdc")), str(Path(folder, "scene.usdz"))
        try:
            stage = Usd.Stage.CreateNew(layer)
            UsdGeom.SetStageUpAxis(stage, up.upper())
            UsdGeom.SetStageMetersPerUnit(stage, 1 / UNITS[unit])
            root = UsdGeom.Xform.Define(stage, "/scene")
            stage.SetDefaultPrim(root.GetPrim())
            _fill(stage, placed(scene.gaussians, up=up, unit=unit))
            stage.GetRootLayer().Save()
            if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(layer), package):
                raise ConverterError("OpenUSD could not pack the .usdz.")
        except Tf.ErrorException as error:
            raise ConverterError(f"OpenUSD could not write the scene: {error}") from error
        return Path(package).read_bytes()


def _fill(stage: Any, g: Gaussians) -> None:
    field = UsdVol.ParticleField3DGaussianSplat.Define(stage, "/scene/splats")
    scales = np.exp(g.log_scales)
    reach = _SIGMAS * scales.max(axis=1, keepdims=True)
    low, high = (g.positions - reach).min(axis=0), (g.positions + reach).max(axis=0)
    field.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(g.positions))
    field.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(scales))
    field.CreateOpacitiesAttr(Vt.FloatArray.FromNumpy(g.opacities))
    # numpy's order for GfQuatf is imaginary first
    field.CreateOrientationsAttr(Vt.QuatfArray.FromNumpy(np.roll(g.quaternions, -1, axis=1).copy()))
    field.CreateRadianceSphericalHarmonicsDegreeAttr(0)
    field.CreateRadianceSphericalHarmonicsCoefficientsAttr(Vt.Vec3fArray.FromNumpy(g.harmonics))
    field.CreateExtentAttr([Gf.Vec3f(*map(float, low)), Gf.Vec3f(*map(float, high))])


FORMAT: Final = Format(
    rank=90,
    kind=Kind.SPLAT,
    title="USD splats",
    description="Gaussians as an OpenUSD particle field, for USD's own tools. Nothing is lost.",
    media_type="model/vnd.usdz+zip",
    suffix=".usdz",
    options=(*FEWER, replace(UP, default="y", words=("y", "z")), UNIT),
    docs=DocsRow(
        file="ParticleField3DGaussianSplat",
        axes="y or z up, stated in the stage; `up`",
        unit="m, stated; `unit`",
        colour="sRGB, as a constant harmonic",
        size="66 MB",
    ),
    write=_write,
)
