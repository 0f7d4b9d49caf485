""".splat: 32 bytes a Gaussian, colours, opacity and rotations in 8 bits."""

from __future__ import annotations

from typing import Final

from export_consumer import gaussforge_adapter
from export_consumer.common_options import SPLAT
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return gaussforge_adapter.convert(scene, options, "splat")


FORMAT: Final = Format(
    rank=40,
    kind=Kind.SPLAT,
    title="SPLAT",
    description="32 bytes a Gaussian, for viewers on the web. Colours and turns have 8 bits.",
    media_type="application/octet-stream",
    suffix=".splat",
    options=SPLAT,
    docs=DocsRow(
        file="`.splat`", axes="as stored; `up`", unit="m; `unit`", colour="sRGB, 8 bits", size="38 MB"
    ),
    write=_write,
)
