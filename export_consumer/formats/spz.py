"""Niantic's SPZ version 3: gzip over 24-bit positions; what our own viewer reads; y up."""

from __future__ import annotations

from typing import Final

from export_consumer import gaussforge_adapter
from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return gaussforge_adapter.convert(scene, options, "spz")


FORMAT: Final = Format(media_type="application/octet-stream", suffix=".spz", write=_write)
