"""Niantic's SPZ version 3: gzip over 24-bit positions; what our own viewer reads; y up.

Positions are fixed-point numbers with a number of fractional bits that the header states. Twelve, which other
writers always take, wrap around beyond 2048 units, and are coarser than the Gaussians of a close-up. Here the
number is chosen for the scene.
"""

from __future__ import annotations

import gzip
import math
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from export_consumer import gaussforge_adapter
from export_consumer.common_options import FEWER, UNIT, UP
from export_consumer.coordinate_frames import placed
from export_consumer.errors import OutOfRangeError
from export_consumer.formats import Chosen, DocsRow, Format, Kind
from export_consumer.gaussians import Floats, Gaussians, Scene

USUAL_BITS: Final = 12
"""Fractional bits of nearly every file; 1/4096 of a unit, up to 2048 units."""
_MOST_BITS: Final = 23
_LARGEST: Final = 2**23 - 1
_HEADER: Final = 16
_BITS_AT: Final = 13
_SMALLEST_SHARE: Final = 0.01
_STEPS: Final = 4
"""A step is at most this part of the size of all but the smallest hundredth of the Gaussians."""


def _write(scene: Scene, options: Chosen) -> bytes:
    g = placed(scene.gaussians, up=options["up"], unit=options["unit"])
    bits = fractional_bits(g)
    if bits == USUAL_BITS:
        return gaussforge_adapter.convert(scene, options, "spz")
    # gaussforge knows twelve only: its positions, which would wrap, are replaced. The rest stays.
    harmless = scene._replace(gaussians=scene.gaussians._replace(positions=scene.gaussians.positions * 0))
    content = bytearray(gzip.decompress(gaussforge_adapter.convert(harmless, options, "spz")))
    content[_BITS_AT] = bits
    content[_HEADER : _HEADER + 9 * g.size] = _fixed_point(g.positions, bits).tobytes()
    return gzip.compress(content, compresslevel=6, mtime=0)


def fractional_bits(g: Gaussians) -> int:
    """Return how many fractional bits hold the positions, fine enough for the sizes of the Gaussians.

    Raises `OutOfRangeError` where 24 bits are too few for the one or the other.
    """
    extent = float(np.abs(g.positions).max())
    most = min(_MOST_BITS, math.floor(math.log2(_LARGEST / extent)) if extent > 0 else _MOST_BITS)
    middle = np.sort(g.log_scales, axis=1)[:, 1]
    size = math.exp(float(np.quantile(middle, _SMALLEST_SHARE)))
    wanted = max(USUAL_BITS, math.ceil(math.log2(_STEPS / size)))
    if most < 0 or 2.0**-most > _STEPS * size:
        raise OutOfRangeError(
            "The scene is too large for the 24 bits of SPZ beside its details; export it as ply or sog."
        )
    return min(wanted, most)


def _fixed_point(positions: Floats, bits: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return (N, 9) bytes: three little-endian numbers of 24 bits."""
    numbers = np.round(positions.astype(np.float64) * 2.0**bits).astype("<i4")
    return np.ascontiguousarray(numbers.view(np.uint8).reshape(-1, 3, 4)[:, :, :3].reshape(-1, 9))


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
