"""The scene as one page that opens without a network: the viewer, its licences and the splat in one file.

The page's title is made by the page itself, of its file's name: the service names downloads after the scene,
and neither a command nor an object holds the name, which may be personal.
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec
from msgspec.structs import replace

from export_consumer import page_template
from export_consumer.common_options import MAX_GAUSSIANS, MIN_OPACITY
from export_consumer.formats import Chosen, DocsRow, Format, Kind, load
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    template = page_template.read()
    splat = load("spz").write(scene, dict(options) | {"up": "y", "unit": "m"})  # what the viewer expects
    focal, width, height = scene.camera
    frame = msgspec.json.encode({"width": width, "height": height, "focal": focal})
    return template.filled(frame=frame, splat=base64.b64encode(splat))


FORMAT: Final = Format(
    rank=210,
    kind=Kind.PAGE,
    title="Web page",
    description="One .html file with the viewer inside: opens by a double click, without a network; to mail,"
    " archive or put on any web server.",
    media_type="text/html",
    suffix=".html",
    options=(
        # 17 bytes a Gaussian as text, so 20 MB with the viewer: what most mail takes.
        replace(MAX_GAUSSIANS, default=1_000_000, most=2_000_000),
        MIN_OPACITY,
    ),
    docs=DocsRow(
        file="one page that needs no network; 1,000,000 Gaussians at most (`max_gaussians`)",
        axes="y up, z back, inside",
        unit="m",
        colour="sRGB, 8 bits",
        size="19 MB",
    ),
    write=_write,
)
