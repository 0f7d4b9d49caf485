"""The same short sway as an animated picture, which plays where no video does: in messages and documents."""

from __future__ import annotations

import io
from typing import Final

from msgspec.structs import replace
from PIL import Image

from export_consumer.common_options import FPS, MAX_GAUSSIANS, MIN_OPACITY, SECONDS, SIZE, SWAY
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene
from export_consumer.orbit import focus, sway
from export_consumer.raster import render

_QUALITY: Final = 75


def _write(scene: Scene, options: Chosen) -> bytes:
    camera = scene.camera.fitted(options["size"])
    steps = max(2, round(options["seconds"] * options["fps"]))
    views = sway(focus(scene.gaussians), options["sway"], steps)
    first, *rest = [Image.fromarray(render(scene.gaussians, camera, view).pixels()) for view in views]
    # Times are whole milliseconds: the ends are rounded, so that the whole is as long as was asked for.
    ends = [round(1000 * (step + 1) / options["fps"]) for step in range(steps)]
    durations = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    out = io.BytesIO()
    first.save(
        out, "WEBP", save_all=True, append_images=rest, duration=durations, loop=0, quality=_QUALITY, method=4
    )
    return out.getvalue()


FORMAT: Final = Format(
    rank=155,
    kind=Kind.VIDEO,
    title="Animated picture",
    description="The same movement as a picture that plays by itself, in messages and pages: WebP.",
    media_type="image/webp",
    suffix=".webp",
    options=(
        replace(MAX_GAUSSIANS, default=500_000),  # as in a video
        MIN_OPACITY,
        replace(SIZE, most=1024),
        replace(SECONDS, most=10),
        replace(FPS, default=20, most=30),
        SWAY,
    ),
    docs=DocsRow(file="WebP, a loop of 4 s, 20 pictures a second, for ever", colour="sRGB"),
    write=_write,
)
