"""Rows of a picture, some megabytes at a time, so that no conversion needs a second picture in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

BAND_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one band as it is stored."""


def bands(height: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield (top, bottom) of each band."""
    step = max(1, BAND_BYTES // max(1, row_bytes))
    for top in range(0, height, step):
        yield top, min(height, top + step)
