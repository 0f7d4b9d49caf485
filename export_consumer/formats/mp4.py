"""A short video that sways about the scene and plays in a loop without a seam."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from export_consumer import video
from export_consumer.common_options import FPS, MAX_GAUSSIANS, MIN_OPACITY, SECONDS, SIZE, SWAY
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene
from export_consumer.orbit import focus, sway
from export_consumer.raster import render


def _write(scene: Scene, options: Chosen) -> bytes:
    focal, width, height = scene.camera.fitted(options["size"])
    # Video is made of 2 x 2 blocks.
    camera = scene.camera._replace(focal_px=focal, width=max(16, width & ~1), height=max(16, height & ~1))
    steps = max(2, round(options["seconds"] * options["fps"]))
    views = sway(focus(scene.gaussians), options["sway"], steps)
    pictures = (render(scene.gaussians, camera, view).pixels() for view in views)
    return video.encode(pictures, fps=options["fps"])


FORMAT: Final = Format(
    rank=150,
    kind=Kind.VIDEO,
    title="Video",
    description="A few seconds that loop while the camera sways: AV1 in MP4.",
    media_type="video/mp4",
    suffix=".mp4",
    options=(
        replace(MAX_GAUSSIANS, default=500_000),  # a frame of 1.2 million takes most of a second
        MIN_OPACITY,
        replace(SIZE, most=1024),
        SECONDS,
        FPS,
        SWAY,
    ),
    docs=DocsRow(
        file="AV1, a loop of 4 s; the camera sways by 6 degrees", colour="sRGB in BT.601 full range, stated"
    ),
    write=_write,
)
