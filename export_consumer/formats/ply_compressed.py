"""PlayCanvas' compressed .ply: 16 bytes a Gaussian, quantised in chunks of 256 that lie close together."""

from __future__ import annotations

from typing import Final

from bus.contract.splat import MEDIA_TYPE
from export_consumer import gaussforge_adapter
from export_consumer.common_options import SPLAT
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return gaussforge_adapter.convert(scene, options, "compressed.ply")


FORMAT: Final = Format(
    rank=30,
    kind=Kind.SPLAT,
    title="Compressed PLY",
    description="PlayCanvas' packed layout, for SuperSplat: a third of the size, 8 bits a colour.",
    media_type=MEDIA_TYPE,
    suffix=".ply",
    options=SPLAT,
    docs=DocsRow(
        file="`.ply`, PlayCanvas' packed layout",
        axes="as stored; `up`",
        unit="m; `unit`",
        colour="sRGB, 8 bits",
        size="19 MB",
    ),
    write=_write,
)
