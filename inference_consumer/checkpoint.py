"""Locates the operator's weights: a file, used as it is, or an https URL, downloaded once into a cache.

Interrupted downloads are resumed. This module must not read a checkpoint's content, and must not fetch
anything that the operator did not name.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import structlog

from bus.runtime.backoff import Backoff
from bus.runtime.errors import ConfigurationError

log = structlog.stdlib.get_logger(__name__)

MAX_BYTES: Final = 8 * 1024**3
"""Three times the largest known checkpoint (2.6 GiB)."""
_ATTEMPTS: Final = 5
_LONGEST_PAUSE_S: Final = 60.0
_TIMEOUT_S: Final = 30.0
_CHUNK: Final = 1024 * 1024
_LOG_EVERY_S: Final = 10.0
_HTTPS: Final = frozenset({"https"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoints:
    """The cache of checkpoints and the URL schemes allowed for them. Only tests allow others than https."""

    cache: Path
    schemes: Collection[str] = _HTTPS
    max_bytes: int = MAX_BYTES
    backoff_s: float = 1.0

    def locate(self, checkpoint: str, sha256: str | None) -> tuple[Path, str]:
        """Return the checkpoint's file and its sha256, downloading it first if it is a URL; blocks.

        Raises `ConfigurationError` with a sentence for everything that the operator has to correct: no such
        file, a different digest, a URL that is not https or does not respond.
        """
        remote = "://" in checkpoint
        path = self._fetched(checkpoint, sha256) if remote else Path(checkpoint).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"SHARP_CHECKPOINT: there is no file {path}.")
        digest = _digest(path)
        if sha256 is not None and digest != sha256.lower():
            if remote:
                path.unlink()
            raise ConfigurationError(
                f"SHARP_CHECKPOINT_SHA256: the file has {digest}: damaged, or not the one you meant."
            )
        return path, digest

    def _fetched(self, url: str, sha256: str | None) -> Path:
        _check_scheme(url, self.schemes)
        cache = self.cache.expanduser()
        cache.mkdir(parents=True, exist_ok=True)
        name = sha256.lower() if sha256 else hashlib.sha256(url.encode()).hexdigest()
        target = cache / (name + Path(urlsplit(url).path).suffix)
        with target.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of several workers that start at once, one downloads
            if not target.exists():
                part = target.with_suffix(".part")
                self._fetch(url, part)
                part.rename(target)
        return target

    def _fetch(self, url: str, part: Path) -> None:
        opener = urllib.request.build_opener(_Redirects(self.schemes))
        backoff = Backoff(2 * self.backoff_s, _LONGEST_PAUSE_S, jitter=0.5)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _go_on(opener, url, part, self.max_bytes)
            except (OSError, HTTPException, _CutShortError) as error:
                # 4xx is permanent; 5xx and connection errors are retried.
                refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
                if attempt == _ATTEMPTS or refused:
                    raise ConfigurationError(f"SHARP_CHECKPOINT: {url} cannot be fetched: {error}") from error
                log.warning("checkpoint_interrupted", error=repr(error), attempt=attempt)
                time.sleep(backoff.next_s())
            else:
                return


def _go_on(opener: urllib.request.OpenerDirector, url: str, part: Path, max_bytes: int) -> None:
    """Resume the download; start again if the server does not support ranges."""
    have = part.stat().st_size if part.exists() else 0
    answer = _ask(opener, url, part, have)
    if answer is None:
        return
    with answer:
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        if total is not None and total > max_bytes:
            raise ConfigurationError(f"SHARP_CHECKPOINT: {url} has {total} bytes, more than {max_bytes}.")
        with part.open("ab" if have else "wb") as file:
            got = _copy(answer, file, have, total, max_bytes)
    if total is not None and got != total:
        raise _CutShortError(f"the server sent {got} of {total} bytes")


def _ask(opener: urllib.request.OpenerDirector, url: str, part: Path, have: int) -> Any:
    """Return the response to read from, or None if the file is complete."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        return opener.open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return None
        part.unlink()  # not a prefix of this file
        raise _CutShortError("the server has less than was fetched before") from error


def _copy(answer: Any, file: IO[bytes], have: int, total: int | None, max_bytes: int) -> int:
    logged_at = time.monotonic()
    while chunk := answer.read(_CHUNK):
        have += len(chunk)
        if have > max_bytes:
            raise ConfigurationError(f"SHARP_CHECKPOINT: the file has more than {max_bytes} bytes.")
        file.write(chunk)
        if time.monotonic() - logged_at > _LOG_EVERY_S:
            logged_at = time.monotonic()
            log.info("checkpoint_fetching", bytes=have, of=total)
    return have


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_scheme(url: str, schemes: Collection[str]) -> None:
    if urlsplit(url).scheme not in schemes:
        raise ConfigurationError(
            f"SHARP_CHECKPOINT: {url} is not https, so its content could be tampered with."
        )


class _CutShortError(Exception):
    """The connection ended early; the bytes received are kept."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to URLs of an allowed scheme."""

    def __init__(self, schemes: Collection[str]) -> None:
        self._schemes = schemes

    def redirect_request(  # noqa: PLR0917 - the base's
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str
    ) -> Any:
        _check_scheme(newurl, self._schemes)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
