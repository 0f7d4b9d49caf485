"""A short video that sways about the scene and plays in a loop without a seam."""

from __future__ import annotations

from typing import Final

from export_consumer import video
from export_consumer.formats import Chosen, Format
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


FORMAT: Final = Format(media_type="video/mp4", suffix=".mp4", write=_write)
