"""A picture of the scene from where the photo was taken."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from export_consumer.common_options import FEWER, SIZE
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene
from export_consumer.raster import render


def _write(scene: Scene, options: Chosen) -> bytes:
    picture = render(scene.gaussians, scene.camera.fitted(options["size"]))
    out = io.BytesIO()
    # 32 ms for a preview of a photo, and 54 at the usual 6 for half a percent less.
    Image.fromarray(picture.pixels()).save(out, "PNG", compress_level=4)
    return out.getvalue()


FORMAT: Final = Format(
    rank=160,
    kind=Kind.PICTURE,
    title="Picture",
    description="The scene from where the photo was taken.",
    media_type="image/png",
    suffix=".png",
    options=(*FEWER, SIZE),
    docs=DocsRow(file="the photo's own view, 512 pixels (`size`)", colour="sRGB"),
    write=_write,
)
