"""PlayCanvas' SOG: images in a zip, the smallest and by far the slowest to write."""

from __future__ import annotations

from typing import Final

from export_consumer import forge
from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return forge.convert(scene, options, "sog")


FORMAT: Final = Format(media_type="application/zip", suffix=".sog", write=_write)
