"""The 3DGS .ply, lossless, a vertex element alone: the short layout, or the full one of the first 3DGS code.

Viewers of today read the short one. Older importers compute with 62 properties, 248 bytes, and refuse others.
"""

from __future__ import annotations

from typing import Final

from bus.contract.splat import MEDIA_TYPE, camera_comments
from export_consumer import splat
from export_consumer.common_options import LAYOUT, SPLAT
from export_consumer.coordinate_frames import placed
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    up, unit = options["up"], options["unit"]
    own_frame = (up, unit) == ("-y", "m")
    # A camera in another frame than its Gaussians would lie.
    comments = camera_comments(scene.camera) if own_frame else (f"up {up}", f"unit {unit}")
    gaussians = placed(scene.gaussians, up=up, unit=unit)
    write = splat.write_full if options["layout"] == "full" else splat.write
    return write(scene._replace(gaussians=gaussians), comments=comments)


FORMAT: Final = Format(
    rank=10,
    kind=Kind.SPLAT,
    title="3DGS PLY",
    description="The plain splat file, for viewers and editors; layout=full for older ones. Nothing is lost.",
    media_type=MEDIA_TYPE,
    suffix=".ply",
    options=(*SPLAT, LAYOUT),
    docs=DocsRow(
        file="`.ply`, vertices alone; `layout`",
        axes="y down, z forward, as stored; option `up`",
        unit="m; option `unit`",
        colour="sRGB, as a constant harmonic",
        size="66 MB",
    ),
    write=_write,
)
