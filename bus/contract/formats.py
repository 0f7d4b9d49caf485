"""The names of the export formats: the gateway takes no other.

Which of them this release can make is the export consumer's to know; one that it cannot make yet is accepted
and ends as ``export.failed.v1`` with ``unsupported_format``, so that a newer consumer can come first.
"""

from __future__ import annotations

from typing import Final

from bus.contract.format_catalogue import FACTS

FORMATS: Final = tuple(FACTS)
"""Lower-case, as they stand in messages and rows; callers may write them in any case."""


def canonical(name: str) -> str | None:
    """Return the format that ``name`` means (``GLTF``, ``ply-sharp``), None where there is none."""
    wanted = name.strip().lower().replace("-", "_")
    return wanted if wanted in FORMATS else None
