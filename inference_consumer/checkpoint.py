"""Locates the operator's weights: a file, used as it is, or an https URL, downloaded once into a cache.

This module must not read a checkpoint's content, and must not fetch anything that the operator did not name.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from bus.runtime import owned_folder
from bus.runtime.backoff import Backoff
from bus.runtime.errors import ConfigurationError
from inference_consumer.download import (
    HTTPS,
    MAX_BYTES,
    Download,
    DownloadError,
    DownloadInterruptedError,
    digest_of,
)

log = structlog.stdlib.get_logger(__name__)

_ATTEMPTS: Final = 5
_LONGEST_PAUSE_S: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoints:
    """The cache of checkpoints and the URL schemes allowed for them. Only tests allow others than https."""

    cache: Path
    schemes: Collection[str] = HTTPS
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
        digest = digest_of(path)
        if sha256 is not None and digest != sha256.lower():
            if remote:
                path.unlink()
            raise ConfigurationError(
                f"SHARP_CHECKPOINT_SHA256: the file has {digest}: damaged, or not the one you meant."
            )
        return path, digest

    def _fetched(self, url: str, sha256: str | None) -> Path:
        cache = self.cache.expanduser()
        owned_folder.make(cache)
        name = sha256.lower() if sha256 else hashlib.sha256(url.encode()).hexdigest()
        target = cache / (name + Path(urlsplit(url).path).suffix)
        with target.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of several workers that start at once, one downloads
            if not target.exists():
                part = target.with_suffix(".part")
                try:
                    self._fetch(url, part)
                except (DownloadError, DownloadInterruptedError) as error:
                    raise ConfigurationError(f"SHARP_CHECKPOINT: {error.message}") from error
                part.rename(target)
        return target

    def _fetch(self, url: str, part: Path) -> None:
        download = Download(url=url, part=part, schemes=self.schemes, max_bytes=self.max_bytes)
        backoff = Backoff(2 * self.backoff_s, _LONGEST_PAUSE_S, jitter=0.5)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                download.attempt()
            except DownloadInterruptedError as error:
                if attempt == _ATTEMPTS:
                    raise
                log.warning("checkpoint_interrupted", error=error.message, attempt=attempt)
                time.sleep(backoff.next_s())
            else:
                return
