"""SHARP's own .ply: seven elements behind the vertices, for tools made for SHARP; others trip over them."""

from __future__ import annotations

from typing import Final

import numpy as np

from bus.contract.splat import MEDIA_TYPE
from export_consumer import splat
from export_consumer.common_options import FEWER
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene

SRGB: Final = 0
VERSION: Final = (1, 5, 0)


def _write(scene: Scene, _options: Chosen) -> bytes:
    focal, width, height = scene.camera
    with np.errstate(divide="ignore"):  # a Gaussian at the camera is infinitely near
        disparity = np.quantile(1 / scene.gaussians.positions[:, 2], [0.1, 0.9])
    intrinsic = [focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1]
    trailer: splat.Elements = {
        "extrinsic": np.eye(4, dtype="<f4").ravel(),
        "intrinsic": np.array(intrinsic, "<f4"),
        "image_size": np.array([width, height], "<u4"),
        "frame": np.array([1, scene.gaussians.size], "<i4"),
        "disparity": disparity.astype("<f4"),
        "color_space": np.array([SRGB], "u1"),
        "version": np.array(VERSION, "u1"),
    }
    return splat.write(scene, trailer=trailer)


FORMAT: Final = Format(
    rank=20,
    kind=Kind.SPLAT,
    title="PLY with SHARP's camera",
    description="As SHARP itself writes it, camera and all. Many other readers stumble over it.",
    media_type=MEDIA_TYPE,
    suffix=".ply",
    options=FEWER,  # its camera is stated in SHARP's own frame
    docs=DocsRow(
        file="`.ply` with SHARP's seven further elements, which many readers cannot parse",
        axes="as stored",
        unit="m",
        colour="sRGB, as a constant harmonic",
        size="66 MB",
    ),
    write=_write,
)
