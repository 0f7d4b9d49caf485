"""The error of a photo that is too large, which forms, uploads and downloads meet."""

from __future__ import annotations

from bus.contract.limits import MAX_PHOTO_BYTES
from gateway.errors import DomainError


def too_large() -> DomainError:
    """Return the error of a photo over the limit of bytes."""
    return DomainError(
        "photo_too_large",
        f"The photo is larger than {MAX_PHOTO_BYTES // 1024**2} MiB; send a smaller or more compressed one.",
        limit=MAX_PHOTO_BYTES,
    )
