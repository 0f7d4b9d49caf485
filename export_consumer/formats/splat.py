""".splat: 32 bytes a Gaussian, colours, opacity and rotations in 8 bits."""

from __future__ import annotations

from typing import Final

from export_consumer import gaussforge_adapter
from export_consumer.formats import Chosen, Format
from export_consumer.gaussians import Scene


def _write(scene: Scene, options: Chosen) -> bytes:
    return gaussforge_adapter.convert(scene, options, "splat")


FORMAT: Final = Format(media_type="application/octet-stream", suffix=".splat", write=_write)
