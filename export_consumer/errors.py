"""What can go wrong in an export beyond the bus."""

from __future__ import annotations

from bus.runtime.errors import PermanentError, TransientError


class UnsupportedFormatError(PermanentError):
    """Nobody here writes that format: the export fails, and no retry helps before a new release."""

    code = "unsupported_format"


class ExpiredError(PermanentError):
    """Nobody took the export in time; its command may be removed from Kafka soon: ask for it again."""

    code = "expired"


class SplatCorruptError(PermanentError):
    """The stored splat is not what the inference role writes: generate the scene again."""

    code = "splat_corrupt"


class NothingLeftError(PermanentError):
    """The options leave nothing to write: ask for a lower threshold or a larger budget."""

    code = "export_empty"


class TooLargeError(PermanentError):
    """The conversion wanted more memory than a worker may have: ask for fewer Gaussians."""

    code = "export_too_large"


class TooSlowError(PermanentError):
    """The conversion took longer than it may: ask for fewer Gaussians, or raise EXPORT_TIMEOUT_SECONDS."""

    code = "export_timed_out"


class ConverterError(TransientError):
    """A worker died or a library failed: another attempt, in another process, may do."""

    code = "converter_failed"
