"""Downloads one file over https into a file beside its target; an interrupted download is resumed.

It does not know what the file is for, what its content should be, or when to try again: its callers do.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import structlog

from bus.runtime.errors import SharpstreamError, TransientError

log = structlog.stdlib.get_logger(__name__)

HTTPS: Final = frozenset({"https"})
MAX_BYTES: Final = 8 * 1024**3
"""Three times the largest known checkpoint (2.6 GiB)."""
RESERVE_BYTES: Final = 256 * 1024**2
"""Left free on the disk: Kafka and Postgres may share it, and stop when it is full."""
_TIMEOUT_S: Final = 30.0
_CHUNK: Final = 1024 * 1024
_LOG_EVERY_S: Final = 10.0
_CHECKSUM: Final = "X-Linked-Etag"
"""The header in which the host of the weights states a file's sha256, already at the first redirect."""


class DownloadError(SharpstreamError):
    """The file cannot be had like this; another attempt would end the same way."""

    code = "download_failed"


class DownloadInterruptedError(TransientError):
    """The network or the server failed; what has arrived is kept, and another attempt continues there."""

    code = "download_interrupted"


class NoSpaceError(DownloadError):
    """The disk has too little room for the file, or none is left; nothing of it is kept."""

    code = "disk_full"


class Announced(NamedTuple):
    """What the server says about the whole file before its content; None: nothing."""

    size: int | None
    sha256: str | None


@dataclass(kw_only=True, slots=True)
class Download:
    """One file, fetched into ``part``; each `attempt` continues where the last one ended.

    ``announced`` may refuse the file by a `DownloadError`. ``arrived`` gets the bytes that are there and the
    bytes of the whole, after each chunk; what it raises ends the attempt. Only tests allow other ``schemes``.
    """

    url: str
    part: Path
    schemes: Collection[str] = HTTPS
    max_bytes: int = MAX_BYTES
    announced: Callable[[Announced], None] = lambda _: None
    arrived: Callable[[int, int | None], None] = lambda _have, _whole: None
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    _logged_at: float = 0.0

    def attempt(self) -> None:
        """Fetch what is missing; blocks.

        Raises `DownloadInterruptedError` where another attempt may succeed, else `DownloadError`.
        """
        self._logged_at = time.monotonic()
        try:
            _check_scheme(self.url, self.schemes)
            self._go_on(self.part.stat().st_size if self.part.exists() else 0)
        except (OSError, HTTPException, ValueError) as error:
            kind = DownloadError if _is_permanent(error) else DownloadInterruptedError
            raise kind(f"{self.url} cannot be fetched: {error}") from error

    def _go_on(self, have: int) -> None:
        redirects = _Redirects(self.schemes)
        answer = self._ask(urllib.request.build_opener(redirects), have)
        if answer is None:  # the file is complete
            self.announced(Announced(have, redirects.checksum))
            return
        with answer:
            if answer.status != 206:
                have = 0
            length = answer.headers.get("Content-Length")
            whole = have + int(length) if length else None
            self.announced(Announced(whole, redirects.checksum or _checksum(answer.headers)))
            self._check_size(have, whole)
            with _storing(self.part):
                file = self.part.open("ab" if have else "wb", buffering=0)
            with file:
                got = self._copy(answer, file, have, whole)
        if whole is not None and got != whole:
            raise DownloadInterruptedError(
                f"{self.url} cannot be fetched: the server sent {got} of {whole} bytes"
            )

    def _ask(self, opener: urllib.request.OpenerDirector, have: int) -> Any:
        """Return the response to read from, or None if the file is complete."""
        headers = {"Range": f"bytes={have}-"} if have else {}
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310
        try:
            return opener.open(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()  # it is the answer, too
            if error.code != 416:
                raise
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return None
            self.part.unlink()  # not a prefix of this file
            raise DownloadInterruptedError(
                f"{self.url} cannot be fetched: it is shorter than what came before"
            ) from error

    def _check_size(self, have: int, whole: int | None) -> None:
        if whole is None:
            return
        if whole > self.max_bytes:
            raise DownloadError(f"{self.url} has {whole} bytes, more than {self.max_bytes}.")
        room = self.free(self.part.parent)
        if room < whole - have + RESERVE_BYTES:
            self.part.unlink(missing_ok=True)
            raise NoSpaceError(
                f"The file has {whole / 1e6:.0f} MB, and {self.part.parent} has {room / 1e6:.0f} MB free;"
                f" {RESERVE_BYTES / 1e6:.0f} MB are to stay free. Free some, or choose another folder."
            )

    def _copy(self, answer: Any, file: FileIO, have: int, whole: int | None) -> int:
        while chunk := answer.read(_CHUNK):
            have += len(chunk)
            if have > self.max_bytes:
                raise DownloadError(f"{self.url} has more than {self.max_bytes} bytes.")
            with _storing(self.part):
                rest = memoryview(chunk)
                while rest:
                    rest = rest[file.write(rest) :]
            self.arrived(have, whole)
            if time.monotonic() - self._logged_at > _LOG_EVERY_S:
                self._logged_at = time.monotonic()
                log.info("download_progress", file=self.part.stem, bytes=have, of=whole)
        return have


def digest_of(path: Path) -> str:
    """Return a file's sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _storing(part: Path) -> Iterator[None]:
    """Turn the body's errors into `DownloadError`; where the disk is full, free what the part takes of it."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise DownloadError(f"{part} cannot be written: {error}") from error
        part.unlink(missing_ok=True)
        raise NoSpaceError(
            f"The disk of {part.parent} is full. Free some, or choose another folder."
        ) from error


def _is_permanent(error: Exception) -> bool:
    """Return whether a repeat would end the same way: a refusal, or a URL that is none."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in {408, 429}  # a timeout, too many requests
    return isinstance(error, ValueError)


def _check_scheme(url: str, schemes: Collection[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise DownloadError(f"{url} is not https, so its content could be tampered with.")
    if not parts.hostname:
        raise DownloadError(f"{url} names no host.")


def _checksum(headers: Any) -> str | None:
    stated = str(headers.get(_CHECKSUM, "")).strip('"').lower()
    return stated if len(stated) == 64 and not set(stated) - set("0123456789abcdef") else None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to URLs of an allowed scheme; ``checksum`` is the one stated on the way."""

    def __init__(self, schemes: Collection[str]) -> None:
        self._schemes = schemes
        self.checksum: str | None = None

    def redirect_request(  # noqa: PLR0917 - the base's
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str
    ) -> Any:
        _check_scheme(newurl, self._schemes)
        self.checksum = self.checksum or _checksum(headers)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
