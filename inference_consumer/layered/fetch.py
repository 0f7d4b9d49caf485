"""Fetches a network's file in the background, while the role works with the bundled network.

It must not change what runs: the role restarts with the new network once the file is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import structlog

from bus.runtime import tasks
from bus.runtime.backoff import Backoff
from inference_consumer import metrics
from inference_consumer.download import (
    HTTPS,
    Announced,
    Download,
    DownloadError,
    DownloadInterruptedError,
    digest_of,
)
from inference_consumer.layered.weights import Cache, Pinned

log = structlog.stdlib.get_logger(__name__)

_FIRST_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 3600.0
"""A machine that comes online later gets the network within the hour."""


class Fetch:
    """The fetch of one file. Only tests allow other ``schemes`` and give a ``backoff``."""

    def __init__(
        self,
        file: Pinned,
        cache: Cache,
        mirror: str,
        *,
        schemes: Collection[str] = HTTPS,
        backoff: Backoff | None = None,
    ) -> None:
        self._file, self._cache = file, cache
        self._backoff = backoff or Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, jitter=0.5)
        self._stopped = threading.Event()
        self._have = 0
        self._resumed = False
        self._download = Download(
            url=file.url(mirror),
            part=cache.folder / f"{file.name}.part",
            schemes=schemes,
            announced=self._announced,
            arrived=self._arrived,
        )
        self.note = f"{file.name} is to be fetched"
        """How far it is, for people."""

    async def done(self) -> None:
        """Return once the file is there, whole and right; never, if it cannot be had.

        Failures of the network are retried for ever, with pauses up to `_LONGEST_PAUSE_S`, and logged once
        for all that follow each other without progress. Everything else is logged once and ends the attempts.
        """
        log.info("network_fetch_started", network=self._file.name, url=self._download.url)
        waiting, had = False, 0
        try:
            while True:
                try:
                    await tasks.on_daemon_thread(self._attempt)
                except DownloadInterruptedError as error:
                    self._count("interrupted")
                    if self._have > had:
                        waiting, had = False, self._have
                        self._backoff.reset()
                    self.note = (
                        f"{self._file.name} waits for the network; the bundled network works meanwhile"
                    )
                    if not waiting:
                        log.warning("network_fetch_waits", network=self._file.name, reason=error.message)
                    waiting = True
                    await self._backoff.sleep()
                except DownloadError as error:
                    self._count("failed")
                    self.note = (
                        f"{self._file.name} is not fetched, the bundled network works: {error.message}"
                    )
                    log.warning("network_not_fetched", network=self._file.name, reason=error.message)
                    await asyncio.Event().wait()
                else:
                    break
        finally:
            self._stopped.set()
        self._count("fetched")
        self.note = f"{self._file.name} is fetched"
        log.info("network_fetched", network=self._file.name, sha256=self._cache.sha256(self._file))

    def _count(self, outcome: str) -> None:
        metrics.NETWORK_FETCHES.labels(self._file.name, outcome).inc()

    # --- on the thread --------------------------------------------------------------------------------------

    def _attempt(self) -> None:
        target, part = self._cache.path(self._file), self._download.part
        with _reporting(self._cache.folder):
            self._cache.folder.mkdir(parents=True, exist_ok=True)
            lock = target.with_suffix(".lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of several workers that share a cache, one downloads
            if self._cache.whole(self._file) is not None:
                return
            self._resumed |= part.exists()
            self._download.attempt()
            self._check(part)
            part.rename(target)

    def _check(self, part: Path) -> None:
        digest, wanted = digest_of(part), self._cache.sha256(self._file)
        if digest == wanted:
            return
        part.unlink()
        sentence = f"The file from {self._download.url} has the sha256 {digest} instead of {wanted}"
        if self._resumed:  # a part of another file, or one that a power cut has damaged
            self._resumed = False
            raise DownloadInterruptedError(f"{sentence}; it is fetched again from its start.")
        raise DownloadError(
            f"{sentence}: damaged, or replaced by its host. LAYERED_MIRROR names another host."
        )

    def _announced(self, said: Announced) -> None:
        file, wanted = self._file, self._cache.sha256(self._file)
        if wanted is None:
            if said.sha256 is None:
                raise DownloadError(
                    f"{self._download.url} comes without a checksum, so it is not trusted. Fetch the file"
                    " yourself, and name it: LAYERED_NETWORK=/path/to/model.onnx."
                )
            with _reporting(self._cache.folder):
                self._cache.pin(file, said.sha256)
        elif said.sha256 not in {None, wanted}:
            pin = "" if file.sha256 else f" Delete {self._cache.pin_path(file)} to accept the new one."
            raise DownloadError(
                f"{self._download.url} has the sha256 {said.sha256} instead of {wanted}: another file.{pin}"
            )
        if None not in {file.size, said.size} and said.size != file.size:
            raise DownloadError(
                f"{self._download.url} has {said.size} bytes instead of {file.size}: another file."
            )

    def _arrived(self, have: int, whole: int | None) -> None:
        if self._stopped.is_set():
            raise DownloadInterruptedError("The role stops.")
        self._have = have
        metrics.NETWORK_BYTES.labels(self._file.name).set(have)
        share = f", {have / whole:.0%} of {whole / 1e6:.0f} MB" if whole else ""
        self.note = f"{self._file.name} is fetched{share}; the bundled network works meanwhile"


@contextlib.contextmanager
def _reporting(folder: Path) -> Iterator[None]:
    """Turn the body's errors of the file system into `DownloadError`."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{folder} cannot be written ({error.strerror}); SHARPSTREAM_CACHE names another folder."
        ) from error
