"""Fetches files whose size and hash are known: resumed after a cut, whole or not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from sharpstream.stack.errors import StartError

OFFLINE: Final = "SHARPSTREAM_OFFLINE"
_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file of a repository: its path there, its size in bytes and its SHA-256."""

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


def read_list(path: Path) -> list[File]:
    """Return the files of a list: lines of path, size and hash."""
    rows = (line.split() for line in path.read_text("utf-8").splitlines() if line)
    return [File(path=row[0], size=int(row[1]), sha256=row[2]) for row in rows]


def offline() -> bool:
    """Return whether nothing may be fetched (``make up OFFLINE=1``)."""
    return (os.environ.get(OFFLINE) or "").lower() in {"1", "true", "yes", "on"}


def fetch(files: list[File], base: str, folder: Path, say: Callable[[str], None]) -> None:
    """Fetch those that are missing into ``folder``, which may hold a part of them. Raises `StartError`."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if not _is_whole(folder / file.name, file)]
    whole, done, said = sum(file.size for file in files), sum(f.size for f in files if f not in missing), 0
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT_S) as http:
        for file in missing:
            try:
                _fetch(http, f"{base.rstrip('/')}/{file.path}", folder / file.name, file)
            except (httpx.HTTPError, OSError) as error:
                raise StartError(
                    f"{file.name} could not be fetched from {base}: {str(error) or type(error).__name__}."
                    " Start again to go on where it stopped."
                ) from error
            done += file.size
            if done * 5 // whole > said:
                said = done * 5 // whole
                say(f"{done // 1_000_000} of {whole // 1_000_000} MB are here")


def _fetch(http: httpx.Client, url: str, target: Path, file: File) -> None:
    partial = target.with_name(target.name + ".part")
    begun = partial.stat().st_size if partial.exists() else 0
    if begun >= file.size:
        partial.unlink()
        begun = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
    with http.stream("GET", url, headers=headers) as answer:
        answer.raise_for_status()
        resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
        size = begun if resumed else 0
        with partial.open("ab" if resumed else "wb") as writing:
            for piece in answer.iter_raw():  # as it arrives: a cut keeps it
                size += writing.write(piece)
                if size > file.size:
                    break
    if not _is_whole(partial, file):
        partial.unlink()
        raise StartError(f"{url} is not the file that was expected: its size or hash differs.")
    partial.rename(target)


def _is_whole(path: Path, file: File) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest() == file.sha256
