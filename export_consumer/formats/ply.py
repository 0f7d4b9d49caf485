"""The plain 3DGS .ply that every viewer reads: lossless, a vertex element alone."""

from __future__ import annotations

from typing import Final

from bus.contract.splat import MEDIA_TYPE, camera_comments
from export_consumer import splat
from export_consumer.coordinate_frames import placed
from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    up, unit = options["up"], options["unit"]
    own_frame = (up, unit) == ("-y", "m")
    # A camera in another frame than its Gaussians would lie.
    comments = camera_comments(scene.camera) if own_frame else (f"up {up}", f"unit {unit}")
    gaussians = placed(scene.gaussians, up=up, unit=unit)
    return splat.write(scene._replace(gaussians=gaussians), comments=comments)


FORMAT: Final = Format(media_type=MEDIA_TYPE, suffix=".ply", write=_write)
