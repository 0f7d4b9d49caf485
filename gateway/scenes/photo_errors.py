"""The verdicts of the photo reader as errors of the gateway's domain."""

from __future__ import annotations

from bus.contract.limits import MAX_PHOTO_BYTES
from gateway.errors import DomainError
from photo.errors import PhotoError


def refused(error: PhotoError) -> DomainError:
    """Return the reader's verdict with its code, sentence and details."""
    refusal = DomainError(error.code, error.message)
    refusal.details = error.details
    return refusal


def too_large() -> DomainError:
    """Return the error of a photo over the limit of bytes."""
    return DomainError(
        "photo_too_large",
        f"The photo is larger than {MAX_PHOTO_BYTES // 1024**2} MiB; send a smaller or more compressed one.",
        limit=MAX_PHOTO_BYTES,
    )
