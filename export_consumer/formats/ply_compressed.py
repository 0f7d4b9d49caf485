"""PlayCanvas' compressed .ply: 16 bytes a Gaussian, quantised in chunks of 256 that lie close together."""

from __future__ import annotations

from typing import Final

from bus.contract.splat import MEDIA_TYPE
from export_consumer import gaussforge_adapter
from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return gaussforge_adapter.convert(scene, options, "compressed.ply")


FORMAT: Final = Format(media_type=MEDIA_TYPE, suffix=".ply", write=_write)
