"""What an account keeps, and for how long: the kinds, their limits, and a policy written as text."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final, Self

MOST_HOURS: Final = 87_600
"""Ten years."""
MOST_IDEMPOTENCY_HOURS: Final = 24
"""The first answer to an Idempotency-Key is never kept for longer."""
_LASTING: Final = re.compile(r"([1-9][0-9]{0,5})\s*(h|d|)")
_HOURS: Final = {"h": 1, "d": 24, "": 1}


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Hours for which each kind is kept after its job has ended; None is for ever.

    ``scenes``: whole scenes. ``webhooks``: bodies and answers, and ``idempotency``: answers, both after they
    were made.
    """

    scenes: int | None = None
    originals: int | None = None
    results: int | None = None
    exports: int | None = None
    views: int | None = None
    names: int | None = None
    client_metadata: int | None = None
    webhooks: int | None = None
    idempotency: int | None = None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse ``originals=24h, results=90d``. Raises `ValueError` with a sentence."""
        given: dict[str, int | None] = {}
        for part in filter(None, map(str.strip, text.split(","))):
            kind, _, lasting = (each.strip() for each in part.partition("="))
            if kind not in KINDS:
                raise ValueError(f"there is no kind {kind!r}; there are: {', '.join(KINDS)}")
            if kind in given:
                raise ValueError(f"{kind} is given twice")
            given[kind] = hours(kind, lasting)
        return cls(**given)


KINDS: Final = tuple(each.name for each in fields(Policy))
"""The kinds, by their names in the API, in the database and in the record of what was erased."""


def most(kind: str) -> int:
    """Return the most hours of a kind that is not kept for ever."""
    return MOST_IDEMPOTENCY_HOURS if kind == "idempotency" else MOST_HOURS


def hours(kind: str, text: str) -> int | None:
    """Parse ``36h``, ``30d`` or ``forever`` (None). Raises `ValueError` with a sentence."""
    if text == "forever":
        return None
    match = _LASTING.fullmatch(text)
    value = int(match[1]) * _HOURS[match[2]] if match else 0
    if not 1 <= value <= most(kind):
        raise ValueError(f"{kind}: write 36h, 30d or forever, from 1 hour to {most(kind)} hours")
    return value
