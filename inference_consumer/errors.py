"""The errors of turning a photo into a splat."""

from __future__ import annotations

from bus.runtime.errors import PermanentError, SharpstreamError, TransientError


class PhotoTooComplexError(PermanentError):
    """Reading the photo takes more memory than a worker may have."""

    code = "photo_too_complex"


class PhotoReaderError(TransientError):
    """The worker that read the photo died or exceeded its time; only this attempt has failed."""

    code = "photo_unreadable"


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
