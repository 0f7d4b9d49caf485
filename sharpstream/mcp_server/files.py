"""The files of this machine that an assistant may cause to be read and written, and no others.

A model may have been talked into a path by a text that it has read. So photos are read only where the name is
a photo's, and files are written only below one folder, under the suffix of their format, never over another.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Final

from sharpstream.client import ServiceError
from sharpstream.client.errors import FILE_NOT_WRITTEN

PHOTOS: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff")
MOST_PHOTO_BYTES: Final = 256 * 2**20
"""More than any photo; what the service itself takes at most, it says."""
MOST_BYTES: Final = 2 * 2**30
"""Of one export: a full .ply of ten million Gaussians, the largest, has 2.5 GB; not for an assistant."""
_LONGEST: Final = 200

FILE_NOT_READ: Final = "file_not_read"
PATH_REFUSED: Final = "path_refused"
FILE_EXISTS: Final = "file_exists"
FILE_TOO_LARGE: Final = "file_too_large"


def photo(path: str) -> Path:
    """Return the photo at this path. Raises `ServiceError` file_not_read, path_refused or file_too_large."""
    found = Path(path).expanduser()
    if found.suffix.lower() not in PHOTOS:
        raise ServiceError(PATH_REFUSED, f"{path} is no photo: its name ends in none of {', '.join(PHOTOS)}.")
    if not found.is_absolute():
        raise ServiceError(
            PATH_REFUSED, f"{path} is not an absolute path, and this server has no folder of yours."
        )
    if not found.is_file():
        raise ServiceError(FILE_NOT_READ, f"There is no file {path} on the machine of this server.")
    if found.stat().st_size > MOST_PHOTO_BYTES:
        raise ServiceError(FILE_TOO_LARGE, f"{path} has more than {MOST_PHOTO_BYTES >> 20} MB.")
    return found


class Folder:
    """The one folder below which files are written; made with the first of them."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    def target(self, name: str, suffix: str) -> Path:
        """Return where a file of this name goes. Raises `ServiceError` path_refused or file_exists."""
        if not name or len(name) > _LONGEST or "\0" in name:
            raise ServiceError(PATH_REFUSED, f"A file's name has 1 to {_LONGEST} characters.")
        path = self.root / name
        if path.suffix.lower() != suffix:
            path = path.with_name(path.name + suffix)
        inside = path.resolve().is_relative_to(self.root.resolve())  # links are followed, as writing would
        if not inside or path.name.startswith("."):
            raise ServiceError(
                PATH_REFUSED,
                f"Files are written below {self.root} only, and {name} is not: give a name or a path in it.",
            )
        if path.exists():
            raise ServiceError(FILE_EXISTS, f"{path} exists already; choose another name.")
        return path

    async def write(self, path: Path, fetch: Callable[[BinaryIO], Awaitable[str]]) -> tuple[int, str]:
        """Have ``fetch`` write the file, which appears whole or not at all; return its bytes and sha256."""
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("xb") as file:
                digest = await fetch(file)
            size = _linked(part, path)
        except FileExistsError as error:
            raise ServiceError(FILE_EXISTS, f"{path} exists already; choose another name.") from error
        except OSError as error:
            raise ServiceError(FILE_NOT_WRITTEN, f"{path} cannot be written: {error.strerror}.") from error
        finally:
            part.unlink(missing_ok=True)
        return size, digest


def _linked(part: Path, path: Path) -> int:
    """Give the file its name, replacing nothing as a rename would; return its bytes."""
    os.link(part, path)
    return path.stat().st_size


def limited(done: int, total: int | None) -> None:
    """Raise `ServiceError` file_too_large for a download beyond `MOST_BYTES`."""
    if max(done, total or 0) > MOST_BYTES:
        raise ServiceError(
            FILE_TOO_LARGE,
            f"The file has more than {MOST_BYTES >> 30} GB; ask for fewer Gaussians (max_gaussians).",
        )
