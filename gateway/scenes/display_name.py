"""The display name of a scene: the caller's own, or else the name of the file that was sent.

A name is shown and searched. It is removed with the scene, since it may hold personal data.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from gateway import text

LONGEST: Final = 120
"""Characters of a name; longer ones are cut."""

_SUFFIX: Final = re.compile(r"\.(jpe?g|png|webp|hei[cf]|avif|tiff?|gif|mpo)$", re.IGNORECASE)

_UNSAFE: Final = re.compile(r'[\\/:*?"<>|]')
"""Characters that some system's files cannot have in their names."""


def named(metadata: Mapping[str, Any], offered: str | None) -> str | None:
    """Return the name in the caller's metadata, else ``offered``, cleaned."""
    own = metadata.get("name")
    return clean(own) if isinstance(own, str) and clean(own) else clean(offered or "")


def of_url(url: str | None) -> str | None:
    """Return the file name in a URL."""
    return unquote(urlsplit(url).path) if url else None


def shown(metadata: Mapping[str, Any]) -> str | None:
    """Return the name of a scene with this metadata; older rows have only the caller's metadata."""
    name = metadata.get("name", (metadata.get("client") or {}).get("name"))
    return unicodedata.normalize("NFC", name) if isinstance(name, str) else None


def without_suffix(name: str) -> str:
    """Return the name without the suffix of a photo's file; what else stands after a dot is a person's."""
    return _SUFFIX.sub("", name)


def file_name(scene: str | None, export_format: str, suffix: str) -> str:
    """Return what a download is called: as its scene, with the format where the suffix does not say it."""
    bare = _UNSAFE.sub("-", without_suffix(scene or "")).strip(" .")
    ending = "" if suffix == f".{export_format}" else f"-{export_format.replace('_', '-')}"
    return f"{bare or 'scene'}{ending}{suffix}"


def clean(name: str) -> str | None:
    """Return the name without a path, clean and cut to length (`gateway.text`); None where none is left."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return text.cut(text.clean(last), LONGEST) or None
