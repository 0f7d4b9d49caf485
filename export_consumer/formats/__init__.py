"""The export formats: one module each, named as the format is, found here.

A module is imported where its format is first asked for, so that a worker holds only what it uses: OpenUSD
alone is 100 MB. A format's module has one public name, ``FORMAT``, which declares all that is known of it;
`export_consumer.catalogue` writes the declarations down for those who may not import this package.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from bus.contract.format_catalogue import Kind, Option
from bus.contract.formats import FORMATS
from export_consumer.errors import UnsupportedFormatError
from export_consumer.gaussians import Scene

Chosen: TypeAlias = Mapping[str, Any]
"""Every option of the format (`bus.contract.options.read`), each in its own type."""

MADE: Final = tuple(module.name for module in pkgutil.iter_modules(__path__))
"""The formats that this release can write: the modules of this package."""


class File(NamedTuple):
    """A file that was made."""

    data: bytes
    media_type: str
    suffix: str


class DocsRow(NamedTuple):
    """The format's row in the table of docs/formats.md; ``size`` is a file's of 1.18 million Gaussians."""

    file: str
    axes: str = ""
    unit: str = ""
    colour: str = ""
    size: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How to write one format; pure: the same scene and options give the same meaning, not the same bytes."""

    rank: int
    """The order in lists, lowest first; in steps of ten, so that a new format fits between."""
    kind: Kind
    title: str
    description: str
    """Who reads it and what is lost."""
    media_type: str
    suffix: str  # of the file's name, with its dot
    options: tuple[Option, ...]
    docs: DocsRow
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


__all__ = ["MADE", "Chosen", "DocsRow", "File", "Format", "Kind", "check", "load"]
