"""What a scene is called: the caller's word for it, else the name of the file that was sent.

A name is shown to people and searched by them; it goes when the scene goes, since it may tell of somebody.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

LONGEST: Final = 120
"""Characters that are kept."""


def named(metadata: Mapping[str, Any], offered: str | None) -> str | None:
    """Return the name that the caller's metadata states, else what is left of the one on offer."""
    own = metadata.get("name")
    return clean(own) if isinstance(own, str) and clean(own) else clean(offered or "")


def of_url(url: str | None) -> str | None:
    """Return the name of the file that an address names."""
    return unquote(urlsplit(url).path) if url else None


def shown(metadata: Mapping[str, Any]) -> str | None:
    """Return the name of a scene with this metadata; older rows have only what the caller attached."""
    name = metadata.get("name", (metadata.get("client") or {}).get("name"))
    return name if isinstance(name, str) else None


def clean(text: str) -> str | None:
    """Return the text without a path and without what is no character, cut to length; None for nothing.

    Direction marks go as well: they make a name look like another.
    """
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(each for each in last if unicodedata.category(each)[0] != "C")
    return " ".join(kept.split())[:LONGEST].rstrip() or None
