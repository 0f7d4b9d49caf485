"""The depth map as OpenEXR: metres as 32-bit numbers in Z, and in A where a surface is hit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import OpenEXR
from msgspec.structs import replace

from export_consumer import depth
from export_consumer.common_options import FEWER, SIZE
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    found = depth.of(scene, options)
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "comments": "Z: metres along the camera's axis, 0 where A is 0. A: 1 where a surface is hit, else 0."
        f" Camera: {found.words}.",
    }
    channels = {"A": found.hit.astype(np.float32), "Z": np.ascontiguousarray(found.metres, np.float32)}
    with tempfile.TemporaryDirectory() as folder:  # the library writes files by name only
        path = Path(folder) / "depth.exr"
        OpenEXR.File(header, channels).write(str(path))
        return path.read_bytes()


FORMAT: Final = Format(
    rank=180,
    kind=Kind.PICTURE,
    title="Depth map, EXR",
    description="Metres as 32-bit numbers from where the photo was taken; for Blender, Nuke and compositing.",
    media_type="image/x-exr",
    suffix=".exr",
    options=(*FEWER, replace(SIZE, default=1024)),
    docs=DocsRow(
        file="OpenEXR, ZIP; `Z` is the depth, `A` 1 where a surface is hit; 1024 pixels (`size`)",
        axes="along the camera's axis",
        unit="m",
    ),
    write=_write,
)
