"""The errors of turning a photo into a splat."""

from __future__ import annotations

from bus.runtime.errors import PermanentError, SharpstreamError, TransientError


class PhotoError(PermanentError):
    """The bytes are not a readable photo; the user has to send another one."""

    code = "photo_unreadable"


class PhotoTruncatedError(PhotoError):
    """The photo's data is damaged or ends too early."""

    code = "photo_truncated"


class PhotoTooSmallError(PhotoError):
    """A side is shorter than `bus.contract.limits.MIN_PHOTO_SIDE`."""

    code = "photo_too_small"


class PhotoTooManyPixelsError(PhotoError):
    """More pixels than `bus.contract.limits.MAX_PHOTO_PIXELS`: huge, or a decompression bomb."""

    code = "photo_too_many_pixels"


class PhotoTooLargeError(PhotoError):
    """More bytes than `bus.contract.limits.MAX_PHOTO_BYTES`."""

    code = "photo_too_large"


class PhotoTooComplexError(PhotoError):
    """Reading the photo takes more memory than a worker may have."""

    code = "photo_too_complex"


class PhotoReaderError(TransientError):
    """The worker that read the photo died or exceeded its time; only this attempt has failed."""

    code = "photo_unreadable"


class FocalLengthError(PermanentError):
    """The command states a focal length that no lens has."""

    code = "focal_length_invalid"


class ModelUnavailableError(PermanentError):
    """The command names a model that this deployment does not run."""

    code = "model_unavailable"


class ResultNotFiniteError(PermanentError):
    """The model returned NaN or infinite numbers for this photo; a retry would too."""

    code = "result_not_finite"


class NoGeometryError(PermanentError):
    """The network found nothing at a finite distance: sky alone, fog, a black frame."""

    code = "geometry_not_found"


class OutOfMemoryError(TransientError):
    """The photo did not fit into memory even alone; a retry here or on another worker may succeed."""

    code = "out_of_memory"


class DeviceLostError(TransientError):
    """The accelerator failed: this process ends, and its jobs are retried elsewhere."""

    code = "device_lost"


class EngineStoppedError(TransientError):
    """The engine is shutting down; the job is retried."""

    code = "engine_stopped"


class GenerationStoppedError(SharpstreamError):
    """Not a failure: the generation was cancelled or expired. ``reason`` goes into the event."""

    code = "cancelled"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The generation was stopped: {reason}.", reason=reason)
        self.reason = reason
