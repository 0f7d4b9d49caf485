"""What can go wrong in an export beyond the bus."""

from __future__ import annotations

from bus.errors import PermanentError


class UnsupportedFormatError(PermanentError):
    """Nobody here writes that format: the export fails, and no retry helps before a new release."""

    code = "unsupported_format"
