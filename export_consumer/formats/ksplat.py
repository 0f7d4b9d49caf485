""".ksplat of three.js viewers, uncompressed level 0."""

from __future__ import annotations

from typing import Final

from export_consumer import gaussforge_adapter
from export_consumer.common_options import SPLAT
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return gaussforge_adapter.convert(scene, options, "ksplat")


FORMAT: Final = Format(
    rank=50,
    kind=Kind.SPLAT,
    title="KSPLAT",
    description="For GaussianSplats3D on the web. Colours have 8 bits.",
    media_type="application/octet-stream",
    suffix=".ksplat",
    options=SPLAT,
    docs=DocsRow(
        file="`.ksplat`, level 0",
        axes="as stored; `up`",
        unit="m; `unit`",
        colour="sRGB, 8 bits",
        size="52 MB",
    ),
    write=_write,
)
