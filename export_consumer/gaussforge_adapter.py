"""Writes the compact splat formats with gaussforge, from a plain .ply.

gaussforge returns errors instead of raising them. Its output is discarded, because a worker has no stdout.
"""

from __future__ import annotations

from typing import Final

import gaussforge

from export_consumer import splat
from export_consumer.coordinate_frames import placed
from export_consumer.errors import ConverterError, OutOfRangeError
from export_consumer.formats import Chosen
from export_consumer.gaussians import Scene

LARGEST_LOG_SCALE: Final = {"spz": 255 / 16 - 10, "compressed.ply": 20.0}
"""The largest logarithm of a size that a format holds; gaussforge would cut what is larger."""


def convert(scene: Scene, options: Chosen, kind: str) -> bytes:
    """Return the scene as gaussforge's format ``kind``.

    Raises `OutOfRangeError`, `ConverterError`, MemoryError.

    SPZ is version 3: viewers in browsers do not read version 4 yet.
    """
    gaussians = placed(scene.gaussians, up=options["up"], unit=options["unit"])
    largest = float(gaussians.log_scales.max())
    if largest > LARGEST_LOG_SCALE.get(kind, float("inf")) + 1 / 32:  # half a step of SPZ
        raise OutOfRangeError(
            f"The scene has Gaussians that are larger than this format can say in {options['unit']}; "
            "export it in a larger unit, or as ply."
        )
    plain = splat.write(scene._replace(gaussians=gaussians))
    made = gaussforge.GaussForge().convert(plain, "ply", kind, spz_version=3)
    if "error" in made:
        if "bad_alloc" in str(made["error"]):  # C++'s out of memory; a retry would fail too
            raise MemoryError
        raise ConverterError(f"gaussforge could not write {kind}: {made['error']}")
    return bytes(made["data"])
