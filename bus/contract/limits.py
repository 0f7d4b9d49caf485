"""The limits of all external input, shared by the gateway and the consumers."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

MAX_PHOTO_BYTES: Final = 50 * 1024 * 1024
"""Bytes of one photo; a 100-megapixel JPEG stays below."""
MAX_PHOTO_PIXELS: Final = 100_000_000
"""Pixels of one photo after decoding: 300 MB as 8-bit RGB. More counts as a decompression bomb."""
MIN_PHOTO_SIDE: Final = 16
"""Pixels of the shorter side; smaller photos have nothing to reconstruct."""
MAX_METADATA_BYTES: Final = 16 * 1024
"""Bytes of the JSON that a client attaches to a scene."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Bytes of one Kafka record (the broker's default); photos and splats travel by reference."""

SILENT_AFTER: Final = timedelta(minutes=30)
"""A worker that took a job in time but still holds it this long after its expiry publishes no ending."""
LOST_AFTER: Final = timedelta(hours=1)
"""This long after a job's expiry the ledger may end it, where no worker can read its command any more."""

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
