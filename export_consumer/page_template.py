"""The page into which a scene is put: built from ``web/`` (``web/tools/export-viewer.ts``), read from a file.

EXPORT_VIEWER names the file. A worker gets it in its environment: it is the one setting that a format needs.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from export_consumer.errors import ViewerMissingError

VARIABLE: Final = "EXPORT_VIEWER"
FRAME: Final = b"@@FRAME@@"
SPLAT: Final = b"@@SPLAT@@"
_HOW: Final = (
    "build the web page (make web, or npm run build in web/), let EXPORT_VIEWER name its"
    " dist/export/viewer.html, and start the export role again; then ask for the export again."
)


class Template(NamedTuple):
    """The page in three pieces, between which the camera and the splat go."""

    head: bytes
    middle: bytes
    tail: bytes

    def filled(self, *, frame: bytes, splat: bytes) -> bytes:
        """Return the page; neither may hold ``<``, which could end its element."""
        if b"<" in frame or b"<" in splat:
            raise ValueError("markup in the data of a page")
        return b"".join([self.head, frame, self.middle, splat, self.tail])


def variables(viewer: Path | None) -> dict[str, str]:
    """Return what the environment of a worker needs."""
    return {VARIABLE: str(viewer.resolve())} if viewer else {}


def read() -> Template:
    """Return the page of the file that EXPORT_VIEWER names. Raises `ViewerMissingError`."""
    path = os.environ.get(VARIABLE)
    if not path:
        raise ViewerMissingError(f"This service has no viewer to put into a page: {_HOW}")
    try:
        return _split(path, Path(path).stat().st_mtime_ns)
    except OSError as error:
        raise ViewerMissingError(f"The viewer, {path}, cannot be read: {_HOW}") from error


@lru_cache(maxsize=1)
def _split(path: str, _changed: int) -> Template:
    data = Path(path).read_bytes()
    if data.count(FRAME) != 1 or data.count(SPLAT) != 1 or data.index(FRAME) > data.index(SPLAT):
        raise ViewerMissingError(f"The viewer, {path}, is no page that takes a scene: {_HOW}")
    head, _, rest = data.partition(FRAME)
    middle, _, tail = rest.partition(SPLAT)
    return Template(head, middle, tail)
