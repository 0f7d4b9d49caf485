"""Splats in a .glb by KHR_gaussian_splatting: a point a Gaussian, shape and colour in extra attributes.

Colours stay sRGB (``srgb_rec709_display``). COLOR_0 is what a viewer without the extension shows instead,
and glTF defines it as linear: hence converted.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from export_consumer.common_options import FEWER
from export_consumer.coordinate_frames import placed
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Floats, Gaussians, Scene
from export_consumer.gltf import Document

EXTENSION: Final = "KHR_gaussian_splatting"
POINTS: Final = 0


def linear(srgb: Floats) -> Floats:
    """Return linear light of sRGB in [0, 1]."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _write(scene: Scene, _options: Chosen) -> bytes:
    g = placed(scene.gaussians, up="y", unit="m")
    document = Document()
    attributes = {
        "POSITION": document.array(g.positions, bounds=True),
        "COLOR_0": document.array(_fallback(g), normalized=True),
        # xyzw, as everywhere in glTF
        f"{EXTENSION}:ROTATION": document.array(np.roll(g.quaternions, -1, axis=1)),
        f"{EXTENSION}:SCALE": document.array(np.exp(g.log_scales)),
        f"{EXTENSION}:OPACITY": document.array(g.opacities),
        f"{EXTENSION}:SH_DEGREE_0_COEF_0": document.array(g.harmonics),
    }
    splat = {
        "kernel": "ellipse",
        "colorSpace": "srgb_rec709_display",
        "sortingMethod": "cameraDistance",
        "projection": "perspective",
    }
    primitive = {"attributes": attributes, "mode": POINTS, "extensions": {EXTENSION: splat}}
    document.json |= {
        "extensionsUsed": [EXTENSION],
        "nodes": [{"name": "scene", "mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
    }
    return document.glb()


def _fallback(g: Gaussians) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rgba = np.concatenate([linear(g.colors), g.opacities[:, None]], axis=1)
    return np.round(rgba * 255).astype(np.uint8)


FORMAT: Final = Format(
    rank=80,
    kind=Kind.SPLAT,
    title="glTF splats",
    description="Gaussians in a .glb by KHR_gaussian_splatting, y up. Nothing is lost.",
    media_type="model/gltf-binary",
    suffix=".glb",
    options=FEWER,  # glTF says y up and metres
    docs=DocsRow(
        file="`.glb`, KHR_gaussian_splatting",
        axes="y up, z back (glTF)",
        unit="m",
        colour="`srgb_rec709_display`; COLOR_0, the fallback, is linear",
        size="71 MB",
    ),
    write=_write,
)
