"""The formats that a scene can be exported to: one file each, registered by its name in `bus.formats`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

Options = Mapping[str, str | int | float | bool]


class Writer(Protocol):
    """Turns the bytes of a splat (.ply) into the bytes of another format; pure, runs on a thread."""

    media_type: str
    suffix: str  # of the file's name, with its dot

    def write(self, splat: bytes, options: Options) -> bytes:
        """Return the file. Raises `bus.errors.PermanentError` for a splat or options that it cannot take."""
        ...


WRITERS: Final[Mapping[str, Writer]] = {}
"""Format name -> its writer. Empty so far: every export is answered with ``unsupported_format``."""

__all__ = ["WRITERS", "Options", "Writer"]
