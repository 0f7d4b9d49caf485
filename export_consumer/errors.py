"""The errors of exports."""

from __future__ import annotations

from bus.runtime.errors import PermanentError, TransientError


class UnsupportedFormatError(PermanentError):
    """This release does not write that format; a retry does not help."""

    code = "unsupported_format"


class ExpiredError(PermanentError):
    """No worker took the export in time, and Kafka may remove its command soon; request it again."""

    code = "expired"


class SplatCorruptError(PermanentError):
    """The stored splat is not in the inference role's format; generate the scene again."""

    code = "splat_corrupt"


class NothingLeftError(PermanentError):
    """The options leave nothing to write; request a lower threshold or a larger budget."""

    code = "export_empty"


class TooLargeError(PermanentError):
    """The conversion needs more memory than a worker may use; request fewer Gaussians."""

    code = "export_too_large"


class OutOfRangeError(PermanentError):
    """The format's numbers cannot hold the scene in that unit; request a larger unit or another format."""

    code = "export_out_of_range"


class ViewerMissingError(PermanentError):
    """The page's viewer was not built where the export role runs; the operator builds it (EXPORT_VIEWER)."""

    code = "viewer_not_built"


class TooSlowError(PermanentError):
    """The conversion exceeded its time limit; request fewer Gaussians, or raise EXPORT_TIMEOUT_SECONDS."""

    code = "export_timed_out"


class PhotoUnreadableError(PermanentError):
    """The photo of a scene cannot be read or is not the scene's; the scene gets no scores."""

    code = "photo_unreadable"


class ScoreModelError(PermanentError):
    """A file of EXPORT_LPIPS_MODEL or EXPORT_DISTS_MODEL gives no score; the scene gets its other scores."""

    code = "score_model_invalid"


class ConverterError(TransientError):
    """A worker crashed or a library failed; a retry in another process may succeed."""

    code = "converter_failed"
