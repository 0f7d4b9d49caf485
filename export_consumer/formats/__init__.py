"""The export formats: one module each, named as in `bus.contract.formats`, found here.

A module is imported where its format is first asked for, so that a worker holds only what it uses: OpenUSD
alone is 100 MB. A format's module has one public name, ``FORMAT``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from bus.contract.formats import FORMATS
from export_consumer.errors import UnsupportedFormatError
from export_consumer.gaussians import Scene

Chosen: TypeAlias = Mapping[str, Any]
"""Every option of the format (`bus.contract.options.read`), each in its own type."""

MADE: Final = FORMATS
"""What this release can write."""


class File(NamedTuple):
    """A file that was made."""

    data: bytes
    media_type: str
    suffix: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How to write one format; pure: the same scene and options give the same meaning, not the same bytes."""

    media_type: str
    suffix: str  # of the file's name, with its dot
    write: Callable[[Scene, Chosen], bytes]
    """Of the Gaussians that ``max_gaussians`` and ``min_opacity`` left, in the camera's frame and metres."""


def check(name: str) -> None:
    """Raise `UnsupportedFormatError` for a format that this release cannot write."""
    if name not in MADE:
        known = name in FORMATS
        why = "cannot be made by this release yet" if known else "is no format that we know"
        raise UnsupportedFormatError(f"{name} {why}; this release makes: {', '.join(sorted(MADE))}.")


def load(name: str) -> Format:
    """Import the format and return it. Raises `UnsupportedFormatError`."""
    check(name)
    found: Format = importlib.import_module(f"{__name__}.{name}").FORMAT
    return found


__all__ = ["MADE", "Chosen", "File", "Format", "check", "load"]
