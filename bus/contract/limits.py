"""Limits of every outside input, in one place, so that the gateway and the consumers agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

MAX_PHOTO_BYTES: Final = 50 * 1024 * 1024
"""Bytes of one photo; a 100-megapixel JPEG stays below."""
MAX_PHOTO_PIXELS: Final = 100_000_000
"""Pixels of one photo after decoding: 300 MB as 8-bit RGB. More is taken for a bomb."""
MIN_PHOTO_SIDE: Final = 16
"""Shorter sides carry nothing to reconstruct."""
MAX_METADATA_BYTES: Final = 16 * 1024
"""Bytes of the JSON that a client attaches to a scene."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Bytes of one Kafka record (the broker's default); photos and splats travel by reference."""

SILENT_AFTER: Final = timedelta(minutes=30)
"""A worker that took a job in time and has it in hand so long after its expiry publishes no ending of it."""
LOST_AFTER: Final = timedelta(hours=1)
"""So long after a job's expiry the ledger may end it, where no worker can meet its command any more."""

PHOTO_MEDIA_TYPES: Final = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # two JPEGs in one file, as many phones write them; the first is the photo
    "PNG": "image/png",
    "WEBP": "image/webp",
    "HEIF": "image/heif",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
}
"""Pillow's name of each accepted format -> its media type."""
