"""What both eyes see in one MPO: two JPEGs in a file, which 3D cameras write and 3D televisions show."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from export_consumer import mpo, stereo
from export_consumer.common_options import CONVERGENCE, EYE_DISTANCE, FEWER, SIZE
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    pair = stereo.pair(scene, options)
    said = stereo.words(options, pair.camera)
    left = stereo.jpeg(pair.left, f"Left eye of a stereo pair; {said}")
    right = stereo.jpeg(pair.right, f"Right eye of a stereo pair; {said}")
    return mpo.joined(left, right, baseline_mm=options["eye_distance"])


FORMAT: Final = Format(
    rank=200,
    kind=Kind.PICTURE,
    title="Stereo pair, MPO",
    description="Both eyes' pictures as two JPEGs in a file, for 3D televisions, photo frames and StereoPhoto"
    " Maker.",
    media_type="image/mpo",
    suffix=".mpo",
    options=(*FEWER, replace(SIZE, default=1024), EYE_DISTANCE, CONVERGENCE),
    docs=DocsRow(
        file="multi-picture JPEG (CIPA DC-007), the left eye first; each 1024 pixels (`size`);"
        " `eye_distance` 63 mm, `convergence`",
        colour="sRGB",
    ),
    write=_write,
)
