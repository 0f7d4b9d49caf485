"""What can go wrong on the way from a photo to a splat, beyond the bus."""

from __future__ import annotations

from bus.runtime.errors import PermanentError, SharpstreamError, TransientError


class PhotoError(PermanentError):
    """The bytes are no photo that can be read: the person has to send another one."""

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


class FocalLengthError(PermanentError):
    """The command states a focal length that no lens has."""

    code = "focal_length_invalid"


class ModelUnavailableError(PermanentError):
    """The command names a model that this deployment does not run."""

    code = "model_unavailable"


class ResultNotFiniteError(PermanentError):
    """The model answered this photo with numbers that are none; it would do so again."""

    code = "result_not_finite"


class OutOfMemoryError(TransientError):
    """Even alone the photo did not fit; another worker or another moment may have room."""

    code = "out_of_memory"


class DeviceLostError(TransientError):
    """The accelerator answers no more: this process ends, its jobs are tried again elsewhere."""

    code = "device_lost"


class EngineStoppedError(TransientError):
    """The engine is shutting down; the job goes back."""

    code = "engine_stopped"


class GenerationStoppedError(SharpstreamError):
    """Not a failure: the generation was to stop before it had a result. ``reason`` goes into the event."""

    code = "cancelled"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The generation was stopped: {reason}.", reason=reason)
        self.reason = reason
