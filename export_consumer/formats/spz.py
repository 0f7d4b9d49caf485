"""Niantic's SPZ version 3: gzip over 24-bit positions; what our own viewer reads; y up."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from export_consumer import gaussforge_adapter
from export_consumer.common_options import FEWER, UNIT, UP
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return gaussforge_adapter.convert(scene, options, "spz")


FORMAT: Final = Format(
    rank=60,
    kind=Kind.SPLAT,
    title="SPZ",
    description="Small, for viewers on the web and Niantic's tools. 8 bits a colour, y up.",
    media_type="application/octet-stream",
    suffix=".spz",
    options=(*FEWER, replace(UP, default="y"), UNIT),  # its specification: x right, y up, z back
    docs=DocsRow(
        file="`.spz` version 3",
        axes="**y up, z back**, SPZ's own; `up`",
        unit="m; `unit`",
        colour="sRGB, 8 bits",
        size="14 MB",
    ),
    write=_write,
)
